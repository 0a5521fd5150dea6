"""Sliding windows on CPU cores: one tap of all windows of a row at a time, so that neighbours stand in vectors."""

import numpy as np
from numba import njit


@njit(cache=True)
def inside(n, size, tap, stride, padding):
    """The first and the end of the n outputs along an axis to which a tap brings an input, and not a border."""
    first = max(0, (padding - tap + stride - 1) // stride)
    return first, max(first, min(n, (size - 1 + padding - tap) // stride + 1))


@njit(cache=True)
def bounds(n, size, window, stride, padding):
    """`inside` of every tap of a window, (window, 2): divisions that a loop over rows shall not repeat."""
    found = np.empty((window, 2), np.int64)
    for tap in range(window):
        found[tap, 0], found[tap, 1] = inside(n, size, tap, stride, padding)
    return found
