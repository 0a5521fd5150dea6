"""Overlap loss on a GPU, a ladder of two rungs backward. Shapes and equations as in reference.py.

Code and measure are compile-time parameters: functions for one axis.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per anchor
    backward   1   one thread per anchor
               2   four values at once: 3.1 times fewer sectors, 3.3 times fewer turns

Forward there is nothing to climb: most anchors have no face, and what is left of them is read and written by
neighbours.
"""

import math

import numpy as np

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung, uint32
from kernels.gpu.vectors import in_fours, load_four, store_four, thread_number
from kernels.operations.decode_boxes.functions import CODES
from kernels.operations.overlap_loss import functions

BLOCK = 256

spans = device(functions.spans)
overlap = device(functions.overlap)
overlap_slopes = device(functions.overlap_slopes)
by_edges = device(functions.by_edges)
DECODE = {code: device(decode) for code, decode in CODES.items()}
BY_CODE = {code: device(by_code) for code, by_code in functions.BY_CODE.items()}
PENALTY = {measure: device(penalty) for measure, (penalty, _) in functions.PENALTIES.items()}
SLOPES = {measure: device(slopes) for measure, (_, slopes) in functions.PENALTIES.items()}


@device
def seen_from_anchor(first, second, low_a, high_a, true_low, true_high, *, DECODE=DECODE["centers"]):
    """The edges of predicted and true box along an axis, as seen from the anchor's low edge."""
    low, high = DECODE(first, second, float32(0), high_a - low_a)
    return low, high, true_low - low_a, true_high - low_a


@device
def by_offsets(edges, this, other, second, size_a, *, SLOPES=SLOPES["giou"], BY_CODE=BY_CODE["centers"]):
    """The derivatives of the loss by both offsets of an axis, given its edges, its spans and those of the other axis.

    second    the second of the offsets, divided by its weight
    """
    iou, union = overlap(this, other)
    by_w, by_i = overlap_slopes(this, other, iou, union)
    more_w, more_i, by_c, by_d = SLOPES(this, other, union)
    by_low, by_high = by_edges(edges, by_w + more_w, by_i + more_i, by_c, by_d)
    return BY_CODE(by_low, by_high, second, size_a)


EDGES = {code: seen_from_anchor(DECODE=decode) for code, decode in DECODE.items()}
BY_OFFSETS = {
    (code, measure): by_offsets(SLOPES=slopes, BY_CODE=by_code)
    for code, by_code in BY_CODE.items()
    for measure, slopes in SLOPES.items()
}


@kernel
def forward_anchor(
    offsets, anchors, boxes, matched, weight, y, iou, wx, wy, ww, wh,
    *, EDGES=EDGES["centers"], PENALTY=PENALTY["giou"], BLOCK=BLOCK,
):  # fmt: skip
    """One thread per anchor: its box beside that of its face, if it counts."""
    R, N = matched.shape
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < R * N:
        r = i // N
        n = i % N
        face = matched[r, n]
        loss = quality = float32(0)
        if weight[r, n] != float32(0) and face >= 0 and face < boxes.shape[1]:
            x, w = offsets[r, n, 0] / wx, offsets[r, n, 2] / ww
            across = spans(EDGES(x, w, anchors[n, 0], anchors[n, 2], boxes[r, face, 0], boxes[r, face, 2]))
            x, w = offsets[r, n, 1] / wy, offsets[r, n, 3] / wh
            down = spans(EDGES(x, w, anchors[n, 1], anchors[n, 3], boxes[r, face, 1], boxes[r, face, 3]))
            quality, union = overlap(across, down)
            loss = weight[r, n] * (float32(1) - quality + PENALTY(across, down, union))
        y[r, n] = loss
        iou[r, n] = quality


@kernel
def backward_anchor(
    dy, offsets, anchors, boxes, matched, weight, doffsets, wx, wy, ww, wh,
    *, EDGES=EDGES["centers"], BY_OFFSETS=BY_OFFSETS["centers", "giou"], BLOCK=BLOCK,
):  # fmt: skip
    """One thread per anchor: the slopes of its four offsets, or four zeros."""
    R, N = matched.shape
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < R * N:
        r = i // N
        n = i % N
        face = matched[r, n]
        by_x = by_y = by_w = by_h = float32(0)
        if weight[r, n] != float32(0) and face >= 0 and face < boxes.shape[1]:
            d = dy[r, n] * weight[r, n]
            w, h = offsets[r, n, 2] / ww, offsets[r, n, 3] / wh
            x_low, x_high, y_low, y_high = anchors[n, 0], anchors[n, 2], anchors[n, 1], anchors[n, 3]
            x_edges = EDGES(offsets[r, n, 0] / wx, w, x_low, x_high, boxes[r, face, 0], boxes[r, face, 2])
            y_edges = EDGES(offsets[r, n, 1] / wy, h, y_low, y_high, boxes[r, face, 1], boxes[r, face, 3])
            across, down = spans(x_edges), spans(y_edges)
            by_x, by_w = BY_OFFSETS(x_edges, across, down, w, x_high - x_low)
            by_y, by_h = BY_OFFSETS(y_edges, down, across, h, y_high - y_low)
            by_x, by_y, by_w, by_h = d * by_x / wx, d * by_y / wy, d * by_w / ww, d * by_h / wh
        doffsets[r, n, 0] = by_x
        doffsets[r, n, 1] = by_y
        doffsets[r, n, 2] = by_w
        doffsets[r, n, 3] = by_h


@kernel
def backward_rows(
    dy, offsets, anchors, boxes, matched, weight, doffsets, faces, wx, wy, ww, wh,
    *, EDGES=EDGES["centers"], BY_OFFSETS=BY_OFFSETS["centers", "giou"], BLOCK=BLOCK,
):  # fmt: skip
    """One thread per anchor: offsets, anchor, box and slopes are groups of four, each of them one access.

    Arrays are flat, but for matched; of each picture there are so many `faces`.
    """
    offset, anchor, true = cuda.local.array(4, float32), cuda.local.array(4, float32), cuda.local.array(4, float32)
    slope = cuda.local.array(4, float32)
    R, N = matched.shape
    i = thread_number(BLOCK)
    if i < R * N:
        r, n = uint32(i // uint32(N)), uint32(i % uint32(N))
        face = matched[r, n]
        for k in range(4):
            slope[k] = float32(0)
        if weight[i] != float32(0) and face >= 0 and face < faces:
            load_four(offsets, i, offset)
            load_four(anchors, n, anchor)
            load_four(boxes, uint32(r * uint32(faces) + uint32(face)), true)
            d = dy[i] * weight[i]
            w, h = offset[2] / ww, offset[3] / wh
            x_edges = EDGES(offset[0] / wx, w, anchor[0], anchor[2], true[0], true[2])
            y_edges = EDGES(offset[1] / wy, h, anchor[1], anchor[3], true[1], true[3])
            across, down = spans(x_edges), spans(y_edges)
            by_x, by_w = BY_OFFSETS(x_edges, across, down, w, anchor[2] - anchor[0])
            by_y, by_h = BY_OFFSETS(y_edges, down, across, h, anchor[3] - anchor[1])
            slope[0], slope[1], slope[2], slope[3] = d * by_x / wx, d * by_y / wy, d * by_w / ww, d * by_h / wh
        store_four(doffsets, i, slope)


@rung(registers=40, tiny={"BLOCK": 4})
def forward_1(offsets, anchors, boxes, matched, weight, y, iou, code, weights, measure, *, BLOCK=BLOCK):
    """One thread per anchor: the equations word for word."""
    kernel = forward_anchor(EDGES=EDGES[code], PENALTY=PENALTY[measure], BLOCK=BLOCK)
    launch = kernel[math.ceil(matched.size / BLOCK), BLOCK]
    return [launch(offsets, anchors, boxes, matched, weight, y, iou, *map(float32, weights))]


@rung(registers=56, tiny={"BLOCK": 4})
def backward_1(dy, offsets, anchors, boxes, matched, weight, doffsets, code, weights, measure, *, BLOCK=BLOCK):
    """One thread per anchor."""
    kernel = backward_anchor(EDGES=EDGES[code], BY_OFFSETS=BY_OFFSETS[code, measure], BLOCK=BLOCK)
    launch = kernel[math.ceil(matched.size / BLOCK), BLOCK]
    return [launch(dy, offsets, anchors, boxes, matched, weight, doffsets, *map(float32, weights))]


@rung(registers=56, tiny={"BLOCK": 4})
def backward_2(dy, offsets, anchors, boxes, matched, weight, doffsets, code, weights, measure, *, BLOCK=BLOCK):
    """One thread per anchor, which takes the four values of offsets, anchor, box and slopes in one access each.

    By the x-ray: 3.1 times fewer sectors and 3.3 times fewer turns.

    Almost all anchors have no face and only write zeros, so what counts is how the writes lie in memory. What does not
    begin at 16 bytes, rung 1 takes.
    """
    given = dy, offsets, anchors, boxes, matched, weight, doffsets
    if not in_fours(offsets, anchors, boxes, doffsets):
        return backward_1(*given, code, weights, measure, BLOCK=BLOCK)
    dy, offsets, anchors, boxes, weight, doffsets = (a.reshape(-1) for a in given if a is not matched)
    kernel = backward_rows(EDGES=EDGES[code], BY_OFFSETS=BY_OFFSETS[code, measure], BLOCK=BLOCK)
    launch = kernel[math.ceil(matched.size / BLOCK), BLOCK]
    arrays = dy, offsets, anchors, boxes, matched, weight, doffsets
    return [launch(*arrays, np.int32(given[3].shape[1]), *map(float32, weights))]


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1, backward_2)
