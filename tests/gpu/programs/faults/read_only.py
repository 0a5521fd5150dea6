"""The arrays stand in the wrong order: the kernel writes the one that is read-only."""

import numpy as np
from numba import cuda


@cuda.jit("void(float32[::1], float32[::1])")
def copy(out, x):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i]  # FAULT


x, y = np.ones(8, np.float32), np.zeros(8, np.float32)
x.flags.writeable = False
copy[1, 8](x, y)  # RIGHT: copy[1, 8](y, x)
