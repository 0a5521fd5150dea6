"""A thread waits for a flag that the other one forgets to set."""

import numpy as np
from numba import cuda


@cuda.jit
def hand_over(flag, x):
    if cuda.blockIdx.x == 0:
        while cuda.atomic.add(flag, 0, 0) == 0:  # FAULT
            pass
        cuda.threadfence()
        x[1] = x[0]
    else:
        x[0] = 7
        cuda.threadfence()
        # RIGHT: cuda.atomic.exch(flag, 0, 1)


hand_over[2, 1](np.zeros(1, np.int32), np.zeros(2))
