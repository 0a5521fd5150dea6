"""A kernel with a signature is given one argument too few, which Numba does not count."""

import numpy as np
from numba import cuda


@cuda.jit("void(float32[::1], float32)")
def scale(x, factor):
    i = cuda.grid(1)
    if i < x.size:
        x[i] *= factor


scale[1, 8](np.ones(8, np.float32))  # FAULT  # RIGHT: scale[1, 8](np.ones(8, np.float32), 2.0)
