"""Reduction on CPU cores: parts of fixed size, each added up by one core, then the parts in their order.

Shapes as in reference.py. The parts do not depend on the number of cores, so the sum does not either. Sums are
float64: they neither lose small values in millions nor overflow where a norm squares.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked

PART = 16384


# "reassoc" lets the compiler add in vector lanes: an order as fixed as any. NaN and Inf keep their meaning.
@njit(cache=True, fastmath={"reassoc"}, forceinline=True)
def sum_of_part(x, squares):
    """The sum of all values, or of their squares. A function of its own, as inside a prange it was not vectorised."""
    total = 0.0
    if squares:
        for i in range(x.size):
            total += np.float64(x[i]) * np.float64(x[i])
    else:
        for i in range(x.size):
            total += np.float64(x[i])
    return total


@njit(parallel=True, cache=True)
def sum_of(x, squares):
    parts = np.empty((x.size + PART - 1) // PART)
    for part in prange(parts.size):
        parts[part] = sum_of_part(x[part * PART : (part + 1) * PART], squares)
    total = 0.0
    for part in range(parts.size):  # not parts.sum(), which Numba would split by the number of cores
        total += parts[part]
    return total


@checked
def forward(x, y, how, count):
    """y = sum x, (sum x) / n, or the square root of sum x^2."""
    total = sum_of(x.reshape(-1), how == "norm")
    y[0] = np.sqrt(total) if how == "norm" else total / ((count or x.size) if how == "mean" else 1)


@checked
def backward(dy, x, y, dx, how, count):
    """dx = dy, dy / n, or dy x / y, and 0 where the norm is 0."""
    if how == "norm":
        np.multiply(x, dy[0] / y[0] if y[0] != 0 else 0, out=dx)
    else:
        dx.fill(dy[0] / (count or x.size) if how == "mean" else dy[0])
