"""A loop forgets to count."""

import numpy as np
from numba import cuda


@cuda.jit
def first_above(x, limit, out):
    i = 0
    while x[i] < limit:  # FAULT
        out[0] = i
        # RIGHT: i += 1


first_above[1, 1](np.arange(10.0), 5.0, np.zeros(1, np.int64))
