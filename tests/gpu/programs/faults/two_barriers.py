"""Each half of the threads waits at a barrier of its own."""

import numpy as np
from numba import cuda


@cuda.jit
def halves(x):
    i = cuda.threadIdx.x
    if i < 4:
        x[i] = 1
        cuda.syncthreads()  # FAULT  # RIGHT: pass
    else:
        x[i] = 2
        cuda.syncthreads()  # RIGHT: pass
    x[i] += i


halves[1, 8](np.ones(8))
