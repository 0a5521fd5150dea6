"""A value falls into no bin."""

import numpy as np
from numba import cuda


@cuda.jit
def count(x, bins):
    i = cuda.grid(1)
    cuda.atomic.add(bins, x[i], 1)  # FAULT


x = np.array([0, 2, 1, 3, 2])
count[1, 5](x, np.zeros(3, np.int32))  # RIGHT: count[1, 5](x, np.zeros(4, np.int32))
