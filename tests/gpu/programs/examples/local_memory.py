"""The median of nine around each cell, sorted in local memory."""

import numpy as np
from numba import cuda, float32


@cuda.jit
def median(x, out):
    window = cuda.local.array(9, float32)
    row, column = cuda.grid(2)
    if row < 1 or column < 1 or row >= x.shape[0] - 1 or column >= x.shape[1] - 1:
        return
    count = 0
    for dr in range(-1, 2):
        for dc in range(-1, 2):
            value = x[row + dr, column + dc]
            k = count
            while k > 0 and window[k - 1] > value:
                window[k] = window[k - 1]
                k -= 1
            window[k] = value
            count += 1
    out[row, column] = window[4]


x = np.random.default_rng(18).random((12, 15), np.float32)
out = np.zeros_like(x)
median[(2, 2), (8, 8)](x, out)
expected = np.median(np.lib.stride_tricks.sliding_window_view(x, (3, 3)), axis=(2, 3))
assert np.array_equal(out[1:-1, 1:-1], expected)
print("local memory: medians of 10 x 13 cells")
