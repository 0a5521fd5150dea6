"""Only half of the threads write, and all read."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def half(x, out):
    tile = cuda.shared.array(8, float32)
    i = cuda.threadIdx.x
    if i < 4:  # RIGHT: if i < 8:
        tile[i] = x[i]
    cuda.syncthreads()
    out[i] = tile[7 - i]  # FAULT


half[1, 8](np.ones(8, np.float32), np.zeros(8, np.float32))
