"""Adaptive training sample selection: which face each anchor has to find, by a threshold that each face sets itself."""

from kernels.operation import Operation, ShapeError, require_shape
from kernels.operations import samples
from kernels.operations.assign_targets import require_levels
from kernels.operations.iou import require_boxes
from kernels.operations.match_anchors import labels


def shapes(anchors, boxes, label, levels, candidates, **_):
    """anchors (N, 4), boxes (R, M, 4), label (R, M) -> matched (R, N).

    Raises ShapeError, also for levels that are not N anchors, and without candidates.
    """
    require_boxes("match_atss", "N, 4", anchors=anchors)
    require_boxes("match_atss", "R, M, 4", boxes=boxes)
    require_shape("match_atss", boxes[:2], label=label)
    matched = (boxes[0], anchors[0])
    require_levels("match_atss", matched, levels)
    if candidates < 1:
        raise ShapeError(f"match_atss: candidates {candidates} must be at least 1")
    return {"matched": matched}


def flops(anchors, boxes, levels, candidates, **_):
    """As if all were faces: five for a distance, which is compared; of a candidate 19 for its IoU, as iou counts,

    four for mean and standard deviation, and six comparisons: of its IoU with the threshold and the largest so far, and
    of its centre with four sides.
    """
    R, M, _ = boxes
    chosen = sum(min(candidates, level) for level in levels or anchors[:1])
    return R * M * (6 * anchors[0] + 29 * chosen), 0


def case(draw):
    R, M, candidates = draw.integer(1, 3), draw.choice((1, 2, 6, 70)), draw.choice((1, 2, 3, 9))
    levels = draw.choice(((), (1,), (1, 1), (4, 1), (3, 29), (40, 9, 2)))
    N = sum(levels) or draw.choice((1, 3, 9, 40))
    settings = {"levels": levels, "candidates": candidates, "best": draw.choice((False, True))}
    return {"anchors": (N, 4), "boxes": (R, M, 4), "label": (R, M), **settings}


operation = Operation(
    name="match_atss",
    summary="Which face each anchor has to find, by a threshold that each face sets itself.",
    source="Zhang et al. (2020), arXiv 1912.02424, algorithm 1",
    inputs=("anchors", "boxes", "label"),
    outputs=("matched",),
    settings={"levels": (), "candidates": 9, "best": False},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={
        "anchors": (6400, 4),
        "boxes": (16, 192, 4),
        "label": (16, 192),
        "levels": (4800, 1200, 300, 80, 20),
        "best": True,
    },
    values={"anchors": samples.boxes, "boxes": samples.boxes, "label": labels},
    dtypes={"label": "int32", "matched": "int32"},
)
