"""Encoding boxes in NumPy. Source: Ren et al. (2015), Faster R-CNN, eq. 2; Zozoulenko (2018), eq. 61.

boxes (R, M, 4) and anchors (N, 4) as (x1, y1, x2, y2), matched (R, N) int32 -> offsets (R, N, 4):

    centers    (x - x_a) / w_a    (y - y_a) / h_a    log(w / w_a)    log(h / h_a)    of centre x, y and size w, h
    corners    x1 - x1_a          y1 - y1_a          x2 - x2_a       y2 - y2_a

each times its weight, which brings the offsets to about the same size. Corners is how seed 001 describes them: an
offset, in pixels, for each side of the anchor. matched[r,n] is the face of picture r that
anchor n has. Where it is none of 0 .. M-1, the anchor has no face, and its offsets are 0.
"""

import numpy as np


def forward(boxes, matched, anchors, offsets, code, weights):
    """offsets[r,n] = weights times the code of boxes[r, matched[r,n]] as seen from anchors[n]."""
    offsets[...] = 0
    r, n = np.nonzero((matched >= 0) & (matched < boxes.shape[1]))
    encode = {"centers": centers, "corners": corners}[code]
    offsets[r, n] = np.array(weights) * encode(boxes[r, matched[r, n]], anchors[n])


def centers(box, anchor):
    (centre, size), (centre_a, size_a) = centre_and_size(box), centre_and_size(anchor)
    return np.concatenate([(centre - centre_a) / size_a, np.log(size / size_a)], axis=-1)


def corners(box, anchor):
    return box - anchor


def centre_and_size(box):
    """(x, y) and (w, h) of boxes (..., 4)."""
    low, high = box[..., :2], box[..., 2:]
    return (low + high) / 2, high - low
