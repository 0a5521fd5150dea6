"""Room for blocks: how many of them does a multiprocessor hold, and what allows no more?"""

import numpy as np

from kernels.gpu import cuda, float32, kernel

SMALL_BLOCKS = 32
SMALL_LIMIT = "blocks"  # "threads", "blocks", "registers" or "shared memory"
WIDE_BLOCKS = 2
WIDE_LIMIT = "threads"
DEEP_BLOCKS = 8
DEEP_LIMIT = "shared memory"
HEAVY_BLOCKS = 1  # of `wide`, if the compiler gave each thread 48 registers


@kernel
def convolve_row(x, w, y, *, BLOCK=32, TILE=34, C=1):
    """One thread per output of a row. A block keeps C channels of the pixels under its windows in shared memory."""
    tile = cuda.shared.array((C, TILE), float32)
    t = cuda.threadIdx.x
    left = cuda.blockIdx.x * BLOCK
    for c in range(C):
        tile[c, t] = x[c, left + t]
        if t < TILE - BLOCK:
            tile[c, BLOCK + t] = x[c, left + BLOCK + t]
    cuda.syncthreads()  # all channels of the tile are there
    total = float32(0)
    for c in range(C):
        for i in range(3):
            total += tile[c, t + i] * w[c, i]
    y[left + t] = total


def small():
    """Blocks of one warp: 22 registers a thread."""
    return launched(convolve_row(BLOCK=32, TILE=34, C=1), 32, 1)


def wide():
    """Blocks of 24 warps: 22 registers a thread."""
    return launched(convolve_row(BLOCK=768, TILE=770, C=1), 768, 1)


def deep():
    """Blocks of two warps, with 96 channels of a tile: 32 registers a thread."""
    return launched(convolve_row(BLOCK=64, TILE=66, C=96), 64, 96)


def launched(convolve, threads, C):
    """1,000 blocks on a row of C channels."""
    x, w = np.zeros((C, 1000 * threads + 2), np.float32), np.zeros((C, 3), np.float32)
    return [convolve[1000, threads](x, w, np.zeros(1000 * threads, np.float32))]
