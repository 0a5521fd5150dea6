"""Overlap loss on CPU cores: each core takes whole anchors. Shapes and equations as in reference.py.

Most anchors have no face, and their offsets are not even read.
"""

import functools

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.decode_boxes.functions import CODES
from kernels.operations.overlap_loss import functions
from kernels.operations.overlap_loss.functions import BY_CODE, PENALTIES


def edges_of(decode):
    """A compiled function: the edges of predicted and true box along an axis, as seen from the anchor's low edge."""
    decode = jitable(decode)

    @register_jitable
    def edges(offsets, anchors, boxes, r, n, face, axis, weights):
        first, second = offsets[r, n, axis] / weights[axis], offsets[r, n, axis + 2] / weights[axis + 2]
        origin = anchors[n, axis]
        low, high = decode(first, second, np.float32(0), anchors[n, axis + 2] - origin)
        return low, high, boxes[r, face, axis] - origin, boxes[r, face, axis + 2] - origin

    return edges


@functools.cache
def forward_loop(decode, spans, overlap, penalty):
    """A compiled loop over all anchors of all pictures."""
    edges, spans, overlap, penalty = edges_of(decode), jitable(spans), jitable(overlap), jitable(penalty)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(offsets, anchors, boxes, matched, weight, y, iou, weights):
        R, N = matched.shape
        M = boxes.shape[1]
        for rn in prange(R * N):
            r, n = rn // N, rn % N
            face = matched[r, n]
            y[r, n], iou[r, n] = 0, 0
            if weight[r, n] != 0 and 0 <= face < M:
                across = spans(edges(offsets, anchors, boxes, r, n, face, 0, weights))
                down = spans(edges(offsets, anchors, boxes, r, n, face, 1, weights))
                iou[r, n], union = overlap(across, down)
                y[r, n] = weight[r, n] * (np.float32(1) - iou[r, n] + penalty(across, down, union))

    return loop


@functools.cache
def backward_loop(decode, spans, overlap, overlap_slopes, slopes, by_edges, by_code):
    """A compiled loop over all anchors of all pictures."""
    edges, spans, overlap, by_edges = edges_of(decode), jitable(spans), jitable(overlap), jitable(by_edges)
    overlap_slopes, slopes, by_code = jitable(overlap_slopes), jitable(slopes), jitable(by_code)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(dy, offsets, anchors, boxes, matched, weight, doffsets, weights):
        R, N = matched.shape
        M = boxes.shape[1]
        for rn in prange(R * N):
            r, n = rn // N, rn % N
            face = matched[r, n]
            if weight[r, n] == 0 or not 0 <= face < M:
                doffsets[r, n] = 0
                continue
            across_edges = edges(offsets, anchors, boxes, r, n, face, 0, weights)
            down_edges = edges(offsets, anchors, boxes, r, n, face, 1, weights)
            across, down = spans(across_edges), spans(down_edges)
            iou, union = overlap(across, down)
            d = dy[r, n] * weight[r, n]
            for axis in range(2):
                this, other, at = (across, down, across_edges) if axis == 0 else (down, across, down_edges)
                by_w, by_i = overlap_slopes(this, other, iou, union)
                more_w, more_i, by_c, by_d = slopes(this, other, union)
                by_low, by_high = by_edges(at, by_w + more_w, by_i + more_i, by_c, by_d)
                size_a = anchors[n, axis + 2] - anchors[n, axis]
                first, second = by_code(by_low, by_high, offsets[r, n, axis + 2] / weights[axis + 2], size_a)
                doffsets[r, n, axis] = d * first / weights[axis]
                doffsets[r, n, axis + 2] = d * second / weights[axis + 2]

    return loop


@checked
def forward(offsets, anchors, boxes, matched, weight, y, iou, code, weights, measure):
    """y[r,n] = weight[r,n] (1 - IoU + P) of the decoded box and boxes[r, matched[r,n]]."""
    penalty, _ = PENALTIES[measure]
    loop = forward_loop(CODES[code], functions.spans, functions.overlap, penalty)
    loop(offsets, anchors, boxes, matched, weight, y, iou, tuple(np.float32(weight) for weight in weights))


@checked
def backward(dy, offsets, anchors, boxes, matched, weight, doffsets, code, weights, measure):
    """doffsets[r,n] = dy[r,n] weight[r,n] times the derivative of 1 - IoU + P by offsets[r,n]."""
    _, slopes = PENALTIES[measure]
    of_two = functions.spans, functions.overlap, functions.overlap_slopes
    loop = backward_loop(CODES[code], *of_two, slopes, functions.by_edges, BY_CODE[code])
    loop(dy, offsets, anchors, boxes, matched, weight, doffsets, tuple(np.float32(weight) for weight in weights))
