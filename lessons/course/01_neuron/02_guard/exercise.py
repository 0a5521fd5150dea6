"""More threads than values: y = 1 / (1 + e^-x), Zozoulenko (2018), eq. 6."""

import math

from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def sigmoid(x, y):
    """One thread per value. Threads behind the last value have nothing to do."""
    i = cuda.grid(1)
    ...  # two lines: write y[i], but only if there is an x[i]


def launches(x, y):
    """As many blocks as it takes: x has any number of values from 1 on; the last block may be partly idle."""
    blocks = ...  # how many blocks of BLOCK threads it takes
    return [sigmoid[blocks, BLOCK](x, y)]
