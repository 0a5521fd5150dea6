"""Threads in rows and columns: y[r, j] = z[r, j] + b[j], the bias of Zozoulenko (2018), eq. 3."""

import math

from kernels.gpu import cuda, kernel

BLOCK = 32, 2  # threads along x, threads along y


@kernel
def add_bias(z, b, y):
    """One thread per value of a matrix: to row r and column j it adds the bias of the column."""
    j, r = cuda.grid(2)
    if r < z.shape[0] and j < z.shape[1]:
        y[r, j] = z[r, j] + b[j]


def launches(z, b, y):
    """As many blocks as cover the matrix, along x and along y."""
    grid = math.ceil(z.shape[1] / BLOCK[0]), math.ceil(z.shape[0] / BLOCK[1])
    return [add_bias[grid, BLOCK](z, b, y)]
