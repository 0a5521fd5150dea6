"""Softmax of each row, with the row's largest score subtracted: Zozoulenko (2018), eq. 54."""

import math

from kernels.gpu import cuda, float32, kernel

BLOCK = 8


@kernel
def softmax(x, y):
    """One thread per row: its largest score, the sum of its exponentials, its probabilities."""
    r = cuda.grid(1)
    if r < x.shape[0]:
        ...  # about eight lines: write the whole row r of y


def launches(x, y):
    """At least as many threads as rows."""
    return [softmax[-(-x.shape[0] // BLOCK), BLOCK](x, y)]
