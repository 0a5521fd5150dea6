"""Reduction on CPU cores: parts of fixed size, each added up by one core, then the parts in their order.

Shapes as in reference.py. The parts do not depend on the number of cores, so the sum does not either. Sums are
float64: they neither lose small values in millions nor overflow where a norm squares.
"""

import numpy as np
from numba import njit, prange

from kernels.jitable import jitable

PART = 16384


def same(value):
    return value


def square(value):
    return value * value


def sum_of(term):
    term = jitable(term)

    # "reassoc" lets the compiler add in vector lanes: an order as fixed as any. NaN and Inf keep their meaning.
    @njit(parallel=True, cache=True, fastmath={"reassoc"})
    def loop(x):
        parts = np.empty((x.size + PART - 1) // PART)
        for part in prange(parts.size):
            total = 0.0
            for i in range(part * PART, min((part + 1) * PART, x.size)):
                total += term(np.float64(x[i]))
            parts[part] = total
        return parts.sum()

    return loop


sum_of_values, sum_of_squares = sum_of(same), sum_of(square)


def forward(x, y, how):
    """y = sum x, (sum x) / n, or the square root of sum x^2."""
    x = x.reshape(-1)
    if how == "norm":
        y[0] = np.sqrt(sum_of_squares(x))
    else:
        y[0] = sum_of_values(x) / (x.size if how == "mean" else 1)


def backward(dy, x, y, dx, how):
    """dx = dy, dy / n, or dy x / y, and 0 where the norm is 0."""
    if how == "norm":
        np.multiply(x, dy[0] / y[0] if y[0] != 0 else 0, out=dx)
    else:
        dx.fill(dy[0] / x.size if how == "mean" else dy[0])
