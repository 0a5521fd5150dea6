"""An index of -1 is the last element for Numba, which is seldom meant."""

import numpy as np
from numba import cuda


@cuda.jit
def delayed(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i - 1]  # FAULT  # RIGHT: out[i] = x[max(i - 1, 0)]


x = np.arange(10, dtype=np.int64)
delayed[2, 8](x, np.zeros_like(x))
