"""Softmax and cross entropy in one, on CPU cores: each core takes whole rows. Source: Zozoulenko (2018), eq. 54-57.

Shapes as in reference.py. Sums are float64.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@checked
@njit(parallel=True, cache=True, error_model="numpy")
def forward(x, target, y, p):
    """Three runs over a row while it is in the cache: its largest value, the exponentials and their sum, the loss."""
    R, C = x.shape
    for r in prange(R):
        largest = x[r, 0]
        for c in range(1, C):
            largest = max(largest, x[r, c])
        total = 0.0
        for c in range(C):
            p[r, c] = np.exp(x[r, c] - largest)
            total += p[r, c]
        scale = np.float32(1 / total)
        log_total = np.log(total)
        loss = 0 * total  # a row with a NaN stays NaN, even where it has no target
        for c in range(C):
            p[r, c] *= scale
            if target[r, c] != 0:
                loss += target[r, c] * (log_total - (x[r, c] - largest))
        y[r] = loss


@checked
@njit(parallel=True, cache=True)
def backward(dy, target, p, dx):
    """dx = dy (p - target), for targets with sum 1."""
    R, C = p.shape
    for r in prange(R):
        whole = 0.0
        for c in range(C):
            whole += target[r, c]
        total = np.float32(whole)
        for c in range(C):
            dx[r, c] = dy[r] * (p[r, c] * total - target[r, c])
