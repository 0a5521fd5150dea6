"""A kernel is given the middle of an array, and leaves it."""

import numpy as np
from numba import cuda


@cuda.jit
def clear(x):
    i = cuda.grid(1)
    if i <= x.size:  # RIGHT: if i < x.size:
        x[i] = 0  # FAULT


x = cuda.to_device(np.ones(16, np.float64))
clear[1, 8](x[4:8])
