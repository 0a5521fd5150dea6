"""The two codes for one axis and float32, decoded: the same lines run on a CPU core and in a GPU thread.

Source: Ren et al. (2015), eq. 2, solved for the box. The anchor reaches from low_a to high_a; first and second are
the offsets 0 and 2 of axis x, or 1 and 3 of axis y, divided by their weights; back come the two edges of the box.
"""

import math

from kernels.gpu import float32
from kernels.operations.box_code import LARGEST_LOG_SIZE


def centers(first, second, low_a, high_a):
    """Move the anchor's centre by `first` anchors, and make the anchor exp(`second`) times as large."""
    size_a = high_a - low_a
    centre = first * size_a + float32(0.5) * (low_a + high_a)
    if second > float32(LARGEST_LOG_SIZE):  # not min(), in which a NaN may get lost
        second = float32(LARGEST_LOG_SIZE)
    half = float32(0.5) * size_a * math.exp(second)
    return centre - half, centre + half


def corners(first, second, low_a, high_a):
    """Move both edges."""
    return first + low_a, second + high_a


CODES = {"centers": centers, "corners": corners}
