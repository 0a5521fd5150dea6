"""Counts begin with what happens to be there."""

import numpy as np
from numba import cuda, int32


@cuda.jit
def most(x, out):
    counts = cuda.local.array(4, int32)
    # RIGHT: counts[0] = counts[1] = counts[2] = counts[3] = 0
    for k in range(x.size):
        counts[x[k]] += 1  # FAULT
    out[0] = counts[x[0]]


most[1, 1](np.array([1, 3, 1]), np.zeros(1, np.int32))
