"""Lanes that the mask of a shuffle names do not come."""

import numpy as np
from numba import cuda


@cuda.jit
def totals(x, out):
    i = cuda.threadIdx.x
    if i < x.size:
        value = x[i]
        value += cuda.shfl_xor_sync(0xFFFFFFFF, value, 1)  # FAULT
        out[i] = value


x = np.ones(20, np.float32)  # RIGHT: x = np.ones(32, np.float32)
totals[1, 32](x, np.zeros_like(x))
