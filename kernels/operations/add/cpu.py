"""Addition on CPU cores. Source: He et al. (2016), eq. 1. Shapes as in reference.py; y may be a itself."""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@njit(parallel=True, cache=True)
def sum_each(a, b, y):
    for i in prange(y.size):
        y[i] = a[i] + b[i]


@checked
def forward(a, b, y):
    """y = a + b."""
    sum_each(a.reshape(-1), b.reshape(-1), y.reshape(-1))


@checked
def backward(dy, da, db):
    """da = dy and db = dy; either may be None."""
    for gradient in (da, db):
        if gradient is not None:
            np.copyto(gradient, dy)
