"""The term of cross entropy and its slope for one float32: the same lines run on a CPU core and in a GPU thread.

Source: Zozoulenko (2018), eq. 56-57. p is the probability, t the target. `p == p` is false for a NaN alone.
"""

import math

from kernels.gpu import float32


def cross_entropy(p, t):
    """-t log p, and 0 where t is 0, as is the limit."""
    return float32(0) if t == float32(0) and p == p else -t * math.log(p)


def cross_entropy_slope(p, t):
    """-t / p, and 0 where t is 0."""
    return float32(0) if t == float32(0) and p == p else -t / p
