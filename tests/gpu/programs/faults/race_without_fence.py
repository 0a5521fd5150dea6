"""The last block to take a ticket reads what the others may not have written yet."""

import numpy as np
from numba import cuda


@cuda.jit
def sums(x, parts, ticket, out):
    parts[cuda.blockIdx.x] = 2 * x[cuda.blockIdx.x]
    # RIGHT: cuda.threadfence()
    if cuda.atomic.add(ticket, 0, 1) == cuda.gridDim.x - 1:
        for k in range(parts.size):
            out[0] += parts[k]  # FAULT


sums[4, 1](np.ones(4), np.zeros(4), np.zeros(1, np.int32), np.zeros(1))
