"""Softmax on CPU cores: each core takes whole rows. Source: Zozoulenko (2018), eq. 54-55, the last corrected.

Shapes as in reference.py. Sums are float64.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.sums import VECTOR_SUMS


@checked
@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def forward(x, y):
    """Three runs over a row while it is in the cache: the largest value, the exponentials and their sum, the division.

    A NaN never is the largest, but its own exponential is NaN and so is the sum: the whole row turns NaN.
    """
    R, C = x.shape
    for r in prange(R):
        largest = x[r, 0]
        for c in range(1, C):
            largest = max(largest, x[r, c])
        total = 0.0
        for c in range(C):
            y[r, c] = np.exp(x[r, c] - largest)
            total += y[r, c]
        scale = np.float32(1 / total)
        for c in range(C):
            y[r, c] *= scale


@checked
@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def backward(dy, y, dx):
    """dx = y (dy - the row's sum of dy y)."""
    R, C = y.shape
    for r in prange(R):
        whole = 0.0
        for c in range(C):
            whole += dy[r, c] * y[r, c]
        total = np.float32(whole)
        for c in range(C):
            dx[r, c] = y[r, c] * (dy[r, c] - total)
