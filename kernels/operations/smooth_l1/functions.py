"""Smooth L1 and its slope for one float32: the same lines run on a CPU core and in a GPU thread.

Source: Zozoulenko (2018), eq. 59. x is prediction - target.
"""

from kernels.gpu import float32


def term(x, beta):
    size = abs(x)
    return float32(0.5) * x * x / beta if size < beta else size - float32(0.5) * beta


def slope(x, beta):
    """x / beta, but within -1 and 1. A NaN is neither and stays."""
    if x >= beta:
        return float32(1)
    if x <= -beta:
        return float32(-1)
    return x / beta
