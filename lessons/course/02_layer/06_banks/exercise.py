"""Shared memory in 32 banks: how many turns does a request take?"""

import numpy as np

from kernels.gpu import cuda, float32, kernel

COLUMN = ...
PADDED = ...
BROADCAST = ...
STRIDE_2 = ...
STRIDE_3 = ...
EIGHT = ...


@kernel
def column(y):
    """All 32 threads read a column of a square tile."""
    tile = cuda.shared.array((32, 32), float32)
    t = cuda.threadIdx.x
    for i in range(32):
        tile[i, t] = float32(0)
    cuda.syncthreads()  # the tile is complete
    y[t] = tile[t, 5]


@kernel
def padded(y):
    """They read a column of a tile whose rows are a word longer."""
    tile = cuda.shared.array((32, 33), float32)
    t = cuda.threadIdx.x
    for i in range(32):
        tile[i, t] = float32(0)
    cuda.syncthreads()  # the tile is complete
    y[t] = tile[t, 5]


@kernel
def broadcast(y):
    """They all read one value."""
    tile = cuda.shared.array((32, 32), float32)
    t = cuda.threadIdx.x
    for i in range(32):
        tile[i, t] = float32(0)
    cuda.syncthreads()  # the tile is complete
    y[t] = tile[5, 5]


@kernel
def stride_2(y):
    """They read every second word of 64."""
    words = cuda.shared.array(96, float32)
    t = cuda.threadIdx.x
    for i in range(3):
        words[32 * i + t] = float32(0)
    cuda.syncthreads()  # the words are all there
    y[t] = words[2 * t]


@kernel
def stride_3(y):
    """They read every third word of 96."""
    words = cuda.shared.array(96, float32)
    t = cuda.threadIdx.x
    for i in range(3):
        words[32 * i + t] = float32(0)
    cuda.syncthreads()  # the words are all there
    y[t] = words[3 * t]


@kernel
def eight(y):
    """They read a column of a tile of 8 x 8, four threads each value of it, as a product in such tiles does."""
    tile = cuda.shared.array((8, 8), float32)
    t = cuda.threadIdx.x
    tx, ty = t % 8, t // 8
    tile[ty, tx] = float32(0)
    tile[ty + 4, tx] = float32(0)
    cuda.syncthreads()  # the tile is complete
    y[t] = tile[tx, 5]


def launches(kernel):
    """One warp of each."""
    return [kernel[1, 32](np.zeros(32, np.float32))]
