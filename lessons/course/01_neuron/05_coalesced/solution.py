"""What lies side by side is fetched together: how many sectors does a request of x touch?"""

import numpy as np

from kernels.gpu import cuda, kernel

ALIGNED = 4
SHIFTED = 5
STRIDED = 8
COLUMN = 32
BROADCAST = 1


@kernel
def aligned(x, y):
    """Neighbours read neighbours."""
    i = cuda.grid(1)
    y[i] = x[i]


@kernel
def shifted(x, y):
    """So they do, one place further on."""
    i = cuda.grid(1)
    y[i] = x[i + 1]


@kernel
def strided(x, y):
    """Neighbours read every second value."""
    i = cuda.grid(1)
    y[i] = x[2 * i]


@kernel
def column(x, y):
    """Neighbours read a column of a matrix whose rows have 64 values."""
    i = cuda.grid(1)
    y[i] = x[64 * i]


@kernel
def broadcast(x, y):
    """All read the same value."""
    i = cuda.grid(1)
    y[i] = x[64]


def launches(kernel):
    """One warp of each."""
    return [kernel[1, 32](np.zeros(4096, np.float32), np.zeros(32, np.float32))]
