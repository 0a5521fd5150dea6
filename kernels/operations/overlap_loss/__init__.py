"""Overlap loss: a predicted box is judged by how it overlaps the true one, not offset by offset."""

import math

import numpy as np

from kernels.operation import HARD, Operation, require_axes, require_choice, require_shape
from kernels.operations import samples
from kernels.operations.box_code import FASTER_RCNN, draw_code, require_code
from kernels.operations.encode_boxes import matches

MEASURES = ("iou", "giou", "diou", "eiou")


def shapes(offsets, anchors, boxes, matched, weight, code, weights, measure, **_):
    """offsets (R, N, 4), anchors (N, 4), boxes (R, M, 4), matched and weight (R, N) -> y and iou (R, N).

    Raises ShapeError.
    """
    require_axes("overlap_loss", "R, N, 4", offsets=offsets)
    require_axes("overlap_loss", "R, M, 4", boxes=boxes)
    (R, N, _), (_, M, _) = offsets, boxes
    require_shape("overlap_loss", (R, N, 4), offsets=offsets)
    require_shape("overlap_loss", (N, 4), anchors=anchors)
    require_shape("overlap_loss", (R, M, 4), boxes=boxes)
    require_shape("overlap_loss", (R, N), matched=matched, weight=weight)
    require_code("overlap_loss", code, weights)
    require_choice("overlap_loss", "measure", measure, MEASURES)
    return {"y": (R, N), "iou": (R, N)}


def flops(matched, code, measure, **_):
    """As if every anchor had a face.

    Forward, for each axis: 3 differences for size and edges as seen from the anchor, the box; 4 inner and outer edges,
    4 differences, 3 of them at least 0, the distance 4; of both, 3 products, 2 sums, 1 division, 3 for y. Backward the
    same but for y; for each axis 2 slopes of IoU, 7; edges 4 comparisons and 14; the code; 2 divisions, 2 products.
    """
    decode, back = {"centers": (12, 7), "corners": (4, 0)}[code]
    penalty, slope = {"iou": (0, 0), "giou": (3, 8), "diou": (6, 9), "eiou": (12, 16)}[measure]
    spans = 2 * (3 + decode + 15) + 6
    n = math.prod(matched)
    return n * (spans + penalty + 3), n * (spans + penalty + 2 * (7 + slope + 18 + back + 4))


def case(draw):
    R, M, N = draw.integer(1, 3), draw.integer(1, 5), draw.choice((1, 2, 7, 33))
    arrays = {"offsets": (R, N, 4), "anchors": (N, 4), "boxes": (R, M, 4), "matched": (R, N), "weight": (R, N)}
    return {**arrays, **draw_code(draw), "measure": draw.choice(MEASURES)}


def crowded(generator, shape):
    """Boxes of 8 to 40 pixels so near each other that most of them overlap; no two edges are the same."""
    corner = 32 * generator.random((*shape[:-1], 2))
    return np.concatenate([corner, corner + 8 + 32 * generator.random(corner.shape)], axis=-1)


operation = Operation(
    name="overlap_loss",
    summary="A predicted box is judged by how it overlaps the true one, not offset by offset.",
    source="Rezatofighi et al. (2019), algorithm 2; Zheng et al. (2020), eq. 5-7; Zhang et al. (2022), L_EIOU",
    inputs=("offsets", "anchors", "boxes", "matched", "weight"),
    outputs=("y", "iou"),
    settings={"code": "centers", "weights": FASTER_RCNN, "measure": "giou"},
    gradients=("offsets",),
    needs=("offsets", "anchors", "boxes", "matched", "weight"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={
        "offsets": (16, 6400, 4),
        "anchors": (6400, 4),
        "boxes": (16, 192, 4),
        "matched": (16, 6400),
        "weight": (16, 6400),
    },
    values={"anchors": crowded, "boxes": crowded, "matched": matches, "weight": samples.positive_or_zero},
    dtypes={"matched": "int32"},
    # Of a distance that is as long as the diagonal, up to the last digit, the slopes are what follows that digit.
    hard={"offsets": tuple(kind for kind in HARD if kind != "huge")},
)
