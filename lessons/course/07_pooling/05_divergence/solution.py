"""Lanes that wait for others: what percentage of them takes part, where each kernel has its mark?"""

import numpy as np

from kernels.gpu import cuda, float32, kernel

ODD = 50
WARPS = 100
LAST = 62.5
BORDER = 96.25
GROWING = 51.56


@kernel
def odd(x, y):
    """One thread per value, of which every other has something to do."""
    i = cuda.grid(1)
    if i % 2 == 1:
        y[i] = x[i]  # here


@kernel
def warps(x, y):
    """One thread per value, of which the second 32 have something to do."""
    i = cuda.grid(1)
    if i // 32 == 1:
        y[i] = x[i]  # here


@kernel
def last(x, y):
    """One thread per value, of which there are 40."""
    i = cuda.grid(1)
    if i < 40:
        y[i] = x[i]  # here


@kernel
def border(x, y):
    """One thread per window of 5, centred on a value of one of two rows of 32: it adds up what lies in the row."""
    i = cuda.grid(1)
    row, w = i // 32, i % 32
    total = float32(0)
    for j in range(max(w - 2, 0), min(w + 3, 32)):
        total += x[32 * row + j]  # here
    y[i] = total


@kernel
def growing(x, y):
    """One thread per value of one of two rows of 32: it adds up all values of its row up to its own."""
    i = cuda.grid(1)
    row, w = i // 32, i % 32
    total = float32(0)
    for j in range(w + 1):
        total += x[32 * row + j]  # here
    y[i] = total


def launches(kernel):
    """One block of two warps."""
    return [kernel[1, 64](np.zeros(64, np.float32), np.zeros(64, np.float32))]
