"""The two codes for one axis and float32: the same lines run on a CPU core and in a GPU thread.

Source: Ren et al. (2015), eq. 2. The box reaches from low to high, its anchor from low_a to high_a; the two values
that come back are the offsets 0 and 2 of axis x, or 1 and 3 of axis y.
"""

import math

from kernels.gpu import float32


def centers(low, high, low_a, high_a):
    """Distance of the centres in units of the anchor, logarithm of the ratio of the sizes.

    The distance is the mean of those of the edges: far from the origin the centres themselves would lose digits.
    """
    size_a = high_a - low_a
    distance = float32(0.5) * ((low - low_a) + (high - high_a))
    return distance / size_a, math.log((high - low) / size_a)


def corners(low, high, low_a, high_a):
    """Distances of the edges."""
    return low - low_a, high - high_a


CODES = {"centers": centers, "corners": corners}
