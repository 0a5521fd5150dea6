"""Threads in rows and columns: y[r, j] = z[r, j] + b[j], the bias of Zozoulenko (2018), eq. 3."""

import math

from kernels.gpu import cuda, kernel

BLOCK = 32, 2  # threads along x, threads along y


@kernel
def add_bias(z, b, y):
    """One thread per value of a matrix: to row r and column j it adds the bias of the column."""
    ...  # three lines: which r and j are this thread's, whether they are inside, and y[r, j]


def launches(z, b, y):
    """As many blocks as cover the matrix, along x and along y."""
    grid = ...  # two numbers of blocks: along x, along y
    return [add_bias[grid, BLOCK](z, b, y)]
