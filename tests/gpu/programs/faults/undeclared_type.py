"""NumPy makes float64, and the kernel is declared for float32: a GPU would take halves of numbers for numbers."""

import numpy as np
from numba import cuda


@cuda.jit("void(float32[::1], float32[::1])")
def copy(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i]


x = np.ones(8)  # RIGHT: x = np.ones(8, np.float32)
copy[1, 8](x, np.zeros(8, np.float32))  # FAULT
