"""The barrier at the end of a loop is missing: one thread writes what others still read."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def sums(x, out):
    tile = cuda.shared.array(8, float32)
    i = cuda.threadIdx.x
    total = float32(0)
    for start in range(0, x.size, 8):
        tile[i] = x[start + i]
        cuda.syncthreads()
        for k in range(8):
            total += tile[k]  # FAULT
        # RIGHT: cuda.syncthreads()
    out[i] = total


sums[1, 8](np.ones(24, np.float32), np.zeros(8, np.float32))
