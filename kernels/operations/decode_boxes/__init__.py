"""Decoding boxes: the offsets that the detector gives for chosen anchors become boxes again."""

import math

import numpy as np

from kernels.operation import Operation, require_axes, require_shape
from kernels.operations.box_code import FASTER_RCNN, boxes_with_area, draw_code, require_code


def shapes(offsets, anchors, index, code, weights, **_):
    """offsets (R, N, 4), anchors (N, 4), index (R, K) -> boxes (R, K, 4). Raises ShapeError."""
    require_axes("decode_boxes", "R, N, 4", offsets=offsets)
    require_axes("decode_boxes", "R, K", index=index)
    (R, N, _), (_, K) = offsets, index
    require_shape("decode_boxes", (R, N, 4), offsets=offsets)
    require_shape("decode_boxes", (N, 4), anchors=anchors)
    require_shape("decode_boxes", (R, K), index=index)
    require_code("decode_boxes", code, weights)
    return {"boxes": (R, K, 4)}


def flops(index, code, **_):
    """Centers, for each axis: 2 divisions, 1 comparison, 1 exponential, 3 products, 5 sums. Corners: 2 and 2."""
    return math.prod(index) * 2 * {"centers": 12, "corners": 4}[code], 0


def case(draw):
    R, N, K = draw.integer(1, 3), draw.choice((1, 2, 7, 33)), draw.choice((1, 3, 20))
    return {"offsets": (R, N, 4), "anchors": (N, 4), "index": (R, K), **draw_code(draw)}


def choices(generator, shape):
    """As many different anchors as are chosen, in any order, and -1 among them."""
    return np.stack([generator.permutation(shape[1]) - 1 for _ in range(shape[0])])


operation = Operation(
    name="decode_boxes",
    summary="The offsets that the detector gives for chosen anchors become boxes again.",
    source="Ren et al. (2015), eq. 2, solved for the box; Zozoulenko (2018), section 3.3.2",
    inputs=("offsets", "anchors", "index"),
    outputs=("boxes",),
    settings={"code": "centers", "weights": FASTER_RCNN},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"offsets": (16, 6400, 4), "anchors": (6400, 4), "index": (16, 1000)},
    values={"anchors": boxes_with_area, "index": choices},
    dtypes={"index": "int32"},
)
