"""The last thread reads one element too far."""

import numpy as np
from numba import cuda


@cuda.jit
def differences(x, out):
    i = cuda.grid(1)
    if i < x.size:  # RIGHT: if i < x.size - 1:
        out[i] = x[i + 1] - x[i]  # FAULT


x = np.arange(10, dtype=np.float32)
differences[2, 8](x, np.zeros_like(x))
