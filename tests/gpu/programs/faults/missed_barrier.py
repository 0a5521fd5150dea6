"""Threads beyond the array return before the barrier."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def reverse(x):
    tile = cuda.shared.array(8, float32)
    i = cuda.threadIdx.x
    if i >= x.size:  # RIGHT: if i >= 8:
        return
    tile[i] = x[i]
    cuda.syncthreads()  # FAULT
    x[i] = tile[x.size - 1 - i]


reverse[1, 8](np.ones(6, np.float32))  # RIGHT: reverse[1, 8](np.ones(8, np.float32))
