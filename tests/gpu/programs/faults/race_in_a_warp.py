"""Lanes of a warp do not run in step."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def total(x, out):
    tile = cuda.shared.array(32, float32)
    i = cuda.threadIdx.x
    tile[i] = x[i]
    cuda.syncwarp()
    for distance in range(5):
        value = tile[i ^ (1 << distance)]
        cuda.syncwarp()
        tile[i] += value  # FAULT
        # RIGHT: cuda.syncwarp()
    if i == 0:
        out[0] = tile[0]


total[1, 32](np.ones(32, np.float32), np.zeros(1, np.float32))
