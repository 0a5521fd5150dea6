"""Anchor matching on CPU cores: each core takes whole pictures. Source: Zozoulenko (2018), section 3.3.2.

Shapes and rules as in reference.py.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.iou import functions
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE


@functools.cache
def forward_loop(overlap, covered, corners):
    """A compiled loop over pictures, their faces, and all anchors of each: several anchors at a time, as vectors."""
    overlap, covered, corners = jitable(overlap), jitable(covered), jitable(corners)
    background, ignored = np.int32(BACKGROUND), np.int32(IGNORED_ANCHOR)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(anchors, boxes, label, matched, positive, negative, best):
        R, N = matched.shape
        # All x1, then all y1, ...: neighbours in memory for neighbours in the loop.
        x1, y1, x2, y2 = anchors[:, 0].copy(), anchors[:, 1].copy(), anchors[:, 2].copy(), anchors[:, 3].copy()
        for r in prange(R):
            iou = np.empty(N, np.float32)
            largest = np.zeros(N, np.float32)
            face = np.full(N, background)
            claim = np.zeros(N, np.float32)
            claimant = np.empty(N, np.int32)
            for m in range(label.shape[1]):
                if label[r, m] == FACE:
                    box = corners(boxes[r], m)
                    for n in range(N):
                        iou[n] = overlap((x1[n], y1[n], x2[n], y2[n]), box)
                    # Only a larger overlap replaces the largest so far, so the first of equal faces wins.
                    for n in range(N):
                        face[n] = m if iou[n] > largest[n] else face[n]
                        largest[n] = iou[n] if iou[n] > largest[n] else largest[n]
                    if best:
                        champion, most = 0, np.float32(0)
                        for n in range(N):
                            if iou[n] > most:
                                champion, most = n, iou[n]
                        if most > claim[champion]:
                            claim[champion] = most
                            claimant[champion] = m
            for n in range(N):
                if claim[n] > 0:
                    matched[r, n] = claimant[n]
                elif largest[n] >= positive:
                    matched[r, n] = face[n]
                else:
                    matched[r, n] = background if largest[n] < negative else ignored
            for m in range(label.shape[1]):
                if label[r, m] == IGNORED_FACE:
                    box = corners(boxes[r], m)
                    for n in range(N):
                        hidden = covered((x1[n], y1[n], x2[n], y2[n]), box) >= np.float32(0.5)
                        matched[r, n] = ignored if hidden and matched[r, n] < 0 else matched[r, n]

    return loop


@checked
def forward(anchors, boxes, label, matched, positive, negative, best):
    """matched[r,n] = argmax over m of IoU(anchors[n], boxes[r,m]), where that is large enough."""
    loop = forward_loop(functions.overlap, functions.covered, functions.corners)
    loop(anchors, boxes, label, matched, np.float32(positive), np.float32(negative), best)
