"""Floats that begin at an odd address."""

import numpy as np
from numba import cuda


@cuda.jit
def double(x):
    i = cuda.grid(1)
    if i < x.size:
        x[i] *= 2  # FAULT


content = cuda.to_device(np.zeros(33, np.uint8))
double[1, 8](content[1:33].view(np.float32))  # RIGHT: double[1, 8](content[0:32].view(np.float32))
