"""Three passes over each row, by a thread or by a warp: how many requests for x, and how many sectors?"""

import math

import numpy as np

from kernels.gpu import cuda, float32, kernel

THREAD_REQUESTS = ...
THREAD_SECTORS = ...
WARP_REQUESTS = ...
WARP_SECTORS = ...

ROWS, COLUMNS, WARP, ALL_LANES = 32, 64, 32, 0xFFFFFFFF


@kernel
def thread_per_row(x, y):
    """One thread per row, one warp for 32 rows."""
    r = cuda.grid(1)
    largest = x[r, 0]
    for c in range(1, COLUMNS):
        largest = max(largest, x[r, c])
    total = float32(0)
    for c in range(COLUMNS):
        total += math.exp(x[r, c] - largest)
    for c in range(COLUMNS):
        y[r, c] = math.exp(x[r, c] - largest) / total


@kernel
def warp_per_row(x, y):
    """One warp per row, whose lanes take turns over the columns."""
    r, lane = cuda.grid(1) // WARP, cuda.threadIdx.x % WARP
    largest = x[r, lane]
    for c in range(lane + WARP, COLUMNS, WARP):
        largest = max(largest, x[r, c])
    distance = WARP // 2
    while distance > 0:
        largest = max(largest, cuda.shfl_xor_sync(ALL_LANES, largest, distance))
        distance //= 2
    total = float32(0)
    for c in range(lane, COLUMNS, WARP):
        total += math.exp(x[r, c] - largest)
    distance = WARP // 2
    while distance > 0:
        total += cuda.shfl_xor_sync(ALL_LANES, total, distance)
        distance //= 2
    for c in range(lane, COLUMNS, WARP):
        y[r, c] = math.exp(x[r, c] - largest) / total


def launches(kernel):
    """A thread or a warp for each row, in blocks of one warp."""
    x = np.zeros((ROWS, COLUMNS), np.float32)
    blocks = {"thread_per_row": ROWS // WARP, "warp_per_row": ROWS}
    return [kernel[blocks[kernel.name], WARP](x, np.zeros_like(x))]
