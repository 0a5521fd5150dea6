"""Far before the first element, where no negative index counts from the end."""

import numpy as np
from numba import cuda


@cuda.jit
def delayed(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i - 2 * x.size]  # FAULT  # RIGHT: out[i] = x[i]


x = np.arange(10, dtype=np.int64)
delayed[2, 8](x, np.zeros_like(x))
