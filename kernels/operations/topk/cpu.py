"""Top k on CPU cores, in NumPy, whose partition of integers runs in vector lanes. Shapes as in reference.py.

Value and row become one integer, the value in its upper half, so that no two are equal and ties need no care.
"""

import numpy as np

from kernels.cpu.checked import checked

LOWEST = np.iinfo(np.int32).min


@checked
def forward(x, value, index, k, column):
    """Part the k largest from the others, sort only them, and read the rows out of the integers."""
    score = x[:, :, column]
    largest = np.partition(sort_keys(score), -k, axis=1)[:, -k:]
    largest.sort(axis=1)
    index[...] = row_of(largest[:, ::-1])
    value[...] = np.take_along_axis(score, index, axis=1)


def sort_keys(score):
    """score (R, N) float32 -> int64 in the same order, the lower row above where values are equal, a NaN lowest.

    The bits of a float, read as an integer, rise with it; below zero they fall, unless all but the sign are flipped.
    """
    bits = (score + np.float32(0)).view(np.int32)  # adding 0 makes 0 of -0, which is equal to it
    order = np.where(np.isnan(score), LOWEST, bits ^ (bits >> 31 & 0x7FFFFFFF))
    row = np.arange(score.shape[1], dtype=np.uint32)
    return order.astype(np.int64) << 32 | (~row).astype(np.int64)


def row_of(key):
    """The row that a key was made from: the complement of its lower half."""
    return (~key & 0xFFFFFFFF).astype(np.int32)
