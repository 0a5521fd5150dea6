"""Three kernels that move the same bytes: what does each of them wait for?"""

import numpy as np

from kernels.gpu import cuda, float32, kernel

SIDE, TILE = 1024, 32
STEPS = 96

MEMORY = 2 * 4 * 1024 * 1024 / 4.8e12 * 1e6  # microseconds that memory alone takes, for each of the three
COPY = "memory"  # what takes longest: "memory", "arithmetic" or "cache and shared memory"
POLYNOMIAL = "arithmetic"
TRANSPOSE = "cache and shared memory"


@kernel
def copy(x, y):
    """One thread per value."""
    j, i = cuda.grid(2)
    y[i, j] = x[i, j]


@kernel
def polynomial(x, y):
    """One thread per value: 1 + v + v^2 + ... + v^STEPS, by Horner's rule."""
    j, i = cuda.grid(2)
    value = x[i, j]
    total = float32(1)
    for _ in range(STEPS):
        total = total * value + float32(1)
    y[i, j] = total


@kernel
def transpose(x, y):
    """One thread per value, through a tile in shared memory, of which a row has 32 words."""
    tile = cuda.shared.array((TILE, TILE), float32)
    tj, ti = cuda.threadIdx.x, cuda.threadIdx.y
    first_j, first_i = cuda.blockIdx.x * TILE, cuda.blockIdx.y * TILE
    tile[ti, tj] = x[first_i + ti, first_j + tj]
    cuda.syncthreads()  # the tile is there
    y[first_j + ti, first_i + tj] = tile[tj, ti]


def launches(kernel):
    """A thread for each of SIDE x SIDE values of float32."""
    x, y = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    return [kernel[(SIDE // TILE, SIDE // TILE), (TILE, TILE)](x, y)]
