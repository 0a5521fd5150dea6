"""Anchor matching: which face each anchor has to find, if any."""

import numpy as np

from kernels.operation import Operation, ShapeError, require_shape
from kernels.operations import samples
from kernels.operations.iou import require_boxes
from kernels.operations.labels import FACE, IGNORED_FACE, PADDING


def shapes(anchors, boxes, label, positive, negative, **_):
    """anchors (N, 4), boxes (R, M, 4), label (R, M) -> matched (R, N). Raises ShapeError, also for bad thresholds."""
    require_boxes("match_anchors", "N, 4", anchors=anchors)
    require_boxes("match_anchors", "R, M, 4", boxes=boxes)
    require_shape("match_anchors", boxes[:2], label=label)
    if not 0 < negative <= positive <= 1:
        raise ShapeError(
            f"match_anchors: negative {negative} and positive {positive} must be 0 < negative <= positive <= 1"
        )
    return {"matched": (boxes[0], anchors[0])}


def flops(anchors, boxes, **_):
    """As if all were faces, and none to be ignored."""
    R, M, _ = boxes
    return 20 * R * M * anchors[0], 0  # 19 for an overlap, as iou counts, and the comparison with the best so far


def case(draw):
    R, M, N = draw.integer(1, 3), draw.choice((1, 2, 6, 70)), draw.choice((1, 3, 9, 40))
    positive, negative = draw.choice(((0.5, 0.5), (0.5, 0.4), (0.3, 0.3), (0.7, 0.3), (1.0, 0.25)))
    settings = {"positive": positive, "negative": negative, "best": draw.choice((False, True))}
    return {"anchors": (N, 4), "boxes": (R, M, 4), "label": (R, M), **settings}


def labels(generator, shape):
    """More faces than padding than faces to be ignored, in any order."""
    return generator.choice(np.array([FACE, FACE, FACE, PADDING, PADDING, IGNORED_FACE]), shape)


operation = Operation(
    name="match_anchors",
    summary="Which face each anchor has to find, if any.",
    source="Zozoulenko (2018), section 3.3.2; Lin et al. (2017), section 4",
    inputs=("anchors", "boxes", "label"),
    outputs=("matched",),
    settings={"positive": 0.5, "negative": 0.5, "best": False},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"anchors": (6400, 4), "boxes": (16, 192, 4), "label": (16, 192), "best": True},
    values={"anchors": samples.boxes, "boxes": samples.boxes, "label": labels},
    dtypes={"label": "int32", "matched": "int32"},
)
