"""Two trees that add up the same 64 values: which threads have work, and what do the others cost?"""

import numpy as np

from kernels.gpu import cuda, float32, kernel

BARRIERS = 7  # a block, in either kernel

# Of the line that adds: how many percent of the lanes are active, and how many turns does shared memory take?
SCATTERED_LANES = 17.9
SCATTERED_TURNS = 33
PACKED_LANES = 32.8
PACKED_TURNS = 18

BLOCK = 64


@kernel
def scattered(x, y):
    """Neighbours meet first: thread t has work if t is a multiple of twice the distance."""
    sums = cuda.shared.array(BLOCK, float32)
    t = cuda.threadIdx.x
    sums[t] = x[t]
    cuda.syncthreads()
    s = 1
    while s < BLOCK:
        if t % (2 * s) == 0:
            sums[t] = sums[t] + sums[t + s]  # adds
        cuda.syncthreads()
        s *= 2
    if t == 0:
        y[0] = sums[0]


@kernel
def packed(x, y):
    """The halves meet first: thread t has work if t is below the distance."""
    sums = cuda.shared.array(BLOCK, float32)
    t = cuda.threadIdx.x
    sums[t] = x[t]
    cuda.syncthreads()
    s = BLOCK // 2
    while s > 0:
        if t < s:
            sums[t] = sums[t] + sums[t + s]  # adds
        cuda.syncthreads()
        s //= 2
    if t == 0:
        y[0] = sums[0]


def launches(kernel):
    """One block of each."""
    return [kernel[1, BLOCK](np.ones(BLOCK, np.float32), np.zeros(1, np.float32))]
