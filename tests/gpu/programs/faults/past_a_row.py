"""One past the end of a row is the first element of the next one."""

import numpy as np
from numba import cuda


@cuda.jit
def fill(out):
    column, row = cuda.grid(2)
    if row < out.shape[0] and column <= out.shape[1]:  # RIGHT: if row < out.shape[0] and column < out.shape[1]:
        out[row, column] = row  # FAULT


out = np.zeros((3, 5), np.int32)
fill[1, (8, 4)](out)
