"""Non-maximum suppression: of boxes that overlap much, only the one with the highest score is kept."""

import numpy as np

from kernels.operation import Operation, ShapeError, require_axes, require_shape
from kernels.operations import samples


def shapes(boxes, score, overlap, **_):
    """boxes (R, K, 4), score (R, K) -> keep (R, K). Raises ShapeError, also for an overlap that no IoU can be."""
    require_axes("nms", "R, K, 4", boxes=boxes)
    R, K, _ = boxes
    require_shape("nms", (R, K, 4), boxes=boxes)
    require_shape("nms", (R, K), score=score)
    if not 0 <= overlap <= 1:
        raise ShapeError(f"nms: overlap {overlap} must be from 0 to 1")
    return {"keep": (R, K)}


def flops(score, **_):
    """For each pair of boxes 19 for its IoU and a comparison, for each score a comparison; all boxes kept."""
    R, K = score
    return R * (10 * K * (K - 1) + K), 0


def case(draw):
    R, K = draw.integer(1, 3), draw.choice((1, 2, 7, 31, 32, 33, 70))
    overlap, threshold = draw.choice((0.0, 0.25, 0.4, 0.5, 1.0)), draw.choice((0.0, 0.5))
    return {"boxes": (R, K, 4), "score": (R, K), "overlap": overlap, "threshold": threshold}


def falling(generator, shape):
    """Rows of eighths from 1 down to 0, so that many are equal."""
    return -np.sort(-generator.integers(0, 9, shape), axis=-1) / 8


operation = Operation(
    name="nms",
    summary="Of boxes that overlap much, only the one with the highest score is kept.",
    source="Lin et al. (2017), section 4.1; greedy as in torchvision",
    inputs=("boxes", "score"),
    outputs=("keep",),
    settings={"overlap": 0.4, "threshold": 0.0},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"boxes": (1, 1000, 4), "score": (1, 1000)},
    values={"boxes": samples.boxes, "score": falling},
    dtypes={"keep": "int32"},
)
