"""Encoding boxes: each anchor says where its face lies, as four offsets from the anchor."""

import math

from kernels.operation import Operation, require_axes, require_shape
from kernels.operations.box_code import FASTER_RCNN, boxes_with_area, draw_code, require_code
from kernels.operations.labels import IGNORED_ANCHOR


def shapes(boxes, matched, anchors, code, weights, **_):
    """boxes (R, M, 4), matched (R, N), anchors (N, 4) -> offsets (R, N, 4). Raises ShapeError."""
    require_axes("encode_boxes", "R, M, 4", boxes=boxes)
    require_axes("encode_boxes", "R, N", matched=matched)
    (R, M, _), (_, N) = boxes, matched
    require_shape("encode_boxes", (R, M, 4), boxes=boxes)
    require_shape("encode_boxes", (R, N), matched=matched)
    require_shape("encode_boxes", (N, 4), anchors=anchors)
    require_code("encode_boxes", code, weights)
    return {"offsets": (R, N, 4)}


def flops(matched, code, **_):
    """Centers, for each axis: 4 differences, 1 sum, 2 divisions, 1 logarithm, 3 products. Corners: 2 and 2."""
    return math.prod(matched) * 2 * {"centers": 11, "corners": 4}[code], 0


def case(draw):
    R, M, N = draw.integer(1, 3), draw.integer(1, 5), draw.choice((1, 2, 7, 33))
    return {"boxes": (R, M, 4), "matched": (R, N), "anchors": (N, 4), **draw_code(draw)}


def matches(generator, shape):
    """Faces 0 to 4, background and ignored anchors; where there are fewer faces than 5, some name none."""
    return generator.integers(IGNORED_ANCHOR, 5, shape)


operation = Operation(
    name="encode_boxes",
    summary="Each anchor says where its face lies, as four offsets from the anchor.",
    source="Ren et al. (2015), eq. 2; Zozoulenko (2018), the true offsets of eq. 61",
    inputs=("boxes", "matched", "anchors"),
    outputs=("offsets",),
    settings={"code": "centers", "weights": FASTER_RCNN},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"boxes": (16, 192, 4), "matched": (16, 6400), "anchors": (6400, 4)},
    values={"boxes": boxes_with_area, "matched": matches, "anchors": boxes_with_area},
    dtypes={"matched": "int32"},
)
