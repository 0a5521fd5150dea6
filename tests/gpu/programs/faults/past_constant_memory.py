"""A table in constant memory has fewer entries than there are threads."""

import numpy as np
from numba import cuda

TABLE = np.array([1.0, 2.0, 4.0])


@cuda.jit
def weigh(x):
    table = cuda.const.array_like(TABLE)
    i = cuda.grid(1)
    x[i] *= table[i]  # FAULT  # RIGHT: x[i] *= table[i % 3]


weigh[1, 4](np.ones(4))
