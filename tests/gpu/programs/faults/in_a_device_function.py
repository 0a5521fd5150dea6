"""It is a function that the kernel calls which leaves the array."""

import numpy as np
from numba import cuda


@cuda.jit(device=True)
def neighbours(x, i):
    return x[i - 1] + x[i + 1]  # FAULT


@cuda.jit
def smooth(x, out):
    i = cuda.grid(1)
    if 0 < i < x.size:  # RIGHT: if 0 < i < x.size - 1:
        out[i] = neighbours(x, i)


x = np.arange(10, dtype=np.float32)
smooth[1, 16](x, np.zeros_like(x))
