"""Intersection over union in NumPy. Source: Zozoulenko (2018), eq. 58.

a (M, 4), b (N, 4), boxes (x1, y1, x2, y2) -> y (M, N):

    y[m,n] = |a[m] and b[n]| / |a[m] or b[n]|        |A or B| = |A| + |B| - |A and B|

Where two boxes share nothing y is 0, also where neither has an area and 58 would be 0 / 0. A NaN in a box stays.
"""

import numpy as np


def forward(a, b, y):
    """y[m,n] = IoU(a[m], b[n])."""
    y[...] = overlap(a, b)


def overlap(a, b):
    """Intersection over union of all boxes a (..., M, 4) with all boxes b (..., N, 4): (..., M, N)."""
    shared = intersection(a, b)
    union = area(a)[..., :, np.newaxis] + area(b)[..., np.newaxis, :] - shared
    return np.divide(shared, union, out=0 * union, where=shared > 0)


def intersection(a, b):
    """The area that each box a (..., M, 4) shares with each box b (..., N, 4): (..., M, N)."""
    a, b = a[..., :, np.newaxis, :], b[..., np.newaxis, :, :]
    top_left, bottom_right = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    return np.maximum(bottom_right - top_left, 0).prod(axis=-1)


def area(boxes):
    """The area of each box (..., 4)."""
    return (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)
