"""A list in local memory gets one entry more than it has room for."""

import numpy as np
from numba import cuda, int32


@cuda.jit
def divisors(n, counts):
    i = cuda.grid(1)
    found = cuda.local.array(4, int32)  # RIGHT: found = cuda.local.array(8, int32)
    count = 0
    for d in range(1, n[i] + 1):
        if n[i] % d == 0:
            found[count] = d  # FAULT
            count += 1
    total = 0
    for k in range(count):
        total += found[k]
    counts[i] = total


divisors[1, 4](np.array([3, 7, 12, 8]), np.zeros(4, np.int32))
