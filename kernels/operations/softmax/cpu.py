"""Softmax on CPU cores. Source: Zozoulenko (2018), eq. 54-55, the last corrected.

Shapes as in reference.py. Sums are float64. The rungs (docs/cpu.md climbs them, with what each gained):

    forward    1   the loop, row by row
               2   each exponential computed once, and kept
               3   all cores
    backward   1   the loop, row by row
               2   vectors: sums of several values side by side
               3   all cores
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.ladder import Ladder, rung
from kernels.cpu.sums import VECTOR_SUMS


@rung
@njit(cache=True)
def forward_loops(x, y):
    """Eq. 54 word for word, less the row's largest value: row by row, on one core."""
    R, C = x.shape
    for r in range(R):
        largest = x[r, 0]
        for c in range(1, C):
            largest = max(largest, x[r, c])
        total = 0.0
        for c in range(C):
            total += np.exp(x[r, c] - largest)
        for c in range(C):
            y[r, c] = np.exp(x[r, c] - largest) / total


@rung
@njit(cache=True, fastmath=VECTOR_SUMS)
def forward_kept(x, y):
    """Each exponential is computed once, and kept where its quotient will stand; and a row divides once."""
    R, C = x.shape
    for r in range(R):
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


@rung
@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def forward_cores(x, y):
    """All cores: each takes whole rows, so that no sum is shared out.

    Three runs over a row while it is in the cache: the largest value, the exponentials and their sum, the product.
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


@rung
@njit(cache=True)
def backward_loops(dy, y, dx):
    """dx = y (dy - the row's sum of dy y), row by row, on one core."""
    R, C = y.shape
    for r in range(R):
        total = 0.0
        for c in range(C):
            total += dy[r, c] * y[r, c]
        for c in range(C):
            dx[r, c] = y[r, c] * (dy[r, c] - total)


@rung
@njit(cache=True, fastmath=VECTOR_SUMS)
def backward_vectors(dy, y, dx):
    """Vectors: the sum may be added in another order, several values side by side; after it all is float32."""
    R, C = y.shape
    for r in range(R):
        whole = 0.0
        for c in range(C):
            whole += dy[r, c] * y[r, c]
        total = np.float32(whole)
        for c in range(C):
            dx[r, c] = y[r, c] * (dy[r, c] - total)


@rung
@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def backward_cores(dy, y, dx):
    """All cores: each takes whole rows."""
    R, C = y.shape
    for r in prange(R):
        whole = 0.0
        for c in range(C):
            whole += dy[r, c] * y[r, c]
        total = np.float32(whole)
        for c in range(C):
            dx[r, c] = y[r, c] * (dy[r, c] - total)


forward = Ladder("forward", forward_loops, forward_kept, forward_cores)
backward = Ladder("backward", backward_loops, backward_vectors, backward_cores)
