"""The first thread reads far before shared memory."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def shift(x):
    tile = cuda.shared.array(32, float32)
    i = cuda.threadIdx.x
    tile[i] = x[i]
    cuda.syncthreads()
    x[i] = tile[i - 64]  # FAULT  # RIGHT: x[i] = tile[(i + 31) % 32]


x = np.arange(32, dtype=np.float32)
shift[1, 32](x)
