"""No barrier stands between what a thread writes and its neighbour reads."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def rotate(x):
    tile = cuda.shared.array(64, float32)
    i = cuda.threadIdx.x
    tile[i] = x[i]
    # RIGHT: cuda.syncthreads()
    x[i] = tile[(i + 63) % 64] if i > 0 else 0  # FAULT


x = np.arange(64, dtype=np.float32)
rotate[1, 64](x)
