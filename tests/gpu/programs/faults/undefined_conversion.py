"""The root of a negative number is no whole number."""

import numpy as np
from numba import cuda


@cuda.jit
def roots(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = int(x[i] ** 0.5)  # FAULT  # RIGHT: out[i] = int(abs(x[i]) ** 0.5)


roots[1, 4](np.array([4.0, 9.0, -1.0, 16.0]), np.zeros(4, np.int32))
