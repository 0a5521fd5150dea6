"""Kernels print."""

import numpy as np
from numba import cuda


@cuda.jit
def tell(x):
    i = cuda.grid(1)
    if i < x.size:
        print("cell", i, "has", x[i])


tell[2, 2](np.array([3, 1, 4], np.int64))
cuda.synchronize()
