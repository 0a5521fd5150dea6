"""Climb: a softmax in which every thread has a row, so that a warp reads down 32 of them at once."""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung

BLOCK = 32


@kernel
def softmax_of_threads(x, y):
    """One thread per row: the largest value, then the sum, then each value's share of it."""
    r = cuda.grid(1)
    if r < x.shape[0]:
        largest = float32(-math.inf)
        for c in range(x.shape[1]):
            largest = max(largest, x[r, c])
        total = float32(0)
        for c in range(x.shape[1]):
            total += math.exp(x[r, c] - largest)
        for c in range(x.shape[1]):
            y[r, c] = math.exp(x[r, c] - largest) / total


@rung
def threads(x, y):
    """One thread per row."""
    return [softmax_of_threads[-(-x.shape[0] // BLOCK), BLOCK](x, y)]


# Add a rung of yours: a kernel, a function that launches it, and its name in the ladder, behind the others.
forward = Ladder("forward", threads)
