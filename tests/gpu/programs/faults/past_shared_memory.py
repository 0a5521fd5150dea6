"""More threads than shared memory has elements."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def reverse(x):
    tile = cuda.shared.array(24, float32)  # RIGHT: tile = cuda.shared.array(32, float32)
    i = cuda.threadIdx.x
    tile[i] = x[i]  # FAULT
    cuda.syncthreads()
    x[i] = tile[cuda.blockDim.x - 1 - i]


x = np.arange(32, dtype=np.float32)
reverse[1, 32](x)
