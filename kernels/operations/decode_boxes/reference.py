"""Decoding boxes in NumPy. Source: Ren et al. (2015), Faster R-CNN, eq. 2, solved for the box.

offsets (R, N, 4), anchors (N, 4) as (x1, y1, x2, y2), index (R, K) int32 -> boxes (R, K, 4). Box k of picture r
belongs to anchor index[r,k]. With d, each offset divided by its weight:

    centers    x = d_x w_a + x_a    y = d_y h_a + y_a    w = w_a exp(d_w)    h = h_a exp(d_h)
    corners    x1 = d_x1 + x1_a     y1 = d_y1 + y1_a     x2 = d_x2 + x2_a    y2 = d_y2 + y2_a

This is the inverse of encode_boxes, but that d_w and d_h are cut off at log(1000 / 16), as torchvision does, so that
a wild guess gives a large box and not an infinite one. A NaN stays. An index that is none of 0 .. N-1 gives a box of
zeros, which has no area.
"""

import numpy as np

from kernels.operations.box_code import LARGEST_LOG_SIZE


def forward(offsets, anchors, index, boxes, code, weights):
    """boxes[r,k] = the box that offsets[r, index[r,k]] describe as seen from anchors[index[r,k]]."""
    boxes[...] = 0
    r, k = np.nonzero((index >= 0) & (index < len(anchors)))
    n = index[r, k]
    decode = {"centers": centers, "corners": corners}[code]
    boxes[r, k] = decode(offsets[r, n] / np.array(weights), anchors[n])


def centers(d, anchor):
    low, high = anchor[:, :2], anchor[:, 2:]
    size_a = high - low
    centre = d[:, :2] * size_a + (low + high) / 2
    size = size_a * np.exp(np.minimum(d[:, 2:], LARGEST_LOG_SIZE))
    return np.concatenate([centre - size / 2, centre + size / 2], axis=-1)


def corners(d, anchor):
    return d + anchor
