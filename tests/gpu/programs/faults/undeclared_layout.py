"""A column is no contiguous array, for which the kernel is declared: a GPU would read the row."""

import numpy as np
from numba import cuda


@cuda.jit("void(float32[::1], float32[::1])")  # RIGHT: @cuda.jit("void(float32[:], float32[::1])")
def copy(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i]


x = cuda.to_device(np.arange(64, dtype=np.float32).reshape(8, 8))
copy[1, 8](x[:, 0], cuda.to_device(np.zeros(8, np.float32)))  # FAULT
