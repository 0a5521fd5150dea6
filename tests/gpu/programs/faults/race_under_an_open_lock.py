"""A lock is opened without a fence."""

import numpy as np
from numba import cuda


@cuda.jit
def count(lock, total):
    while cuda.atomic.cas(lock, 0, 0, 1) != 0:
        pass
    total[0] += 1  # FAULT
    # RIGHT: cuda.threadfence()
    cuda.atomic.exch(lock, 0, 0)


count[4, 1](np.zeros(1, np.int32), np.zeros(1, np.int32))
