"""Arguments that are views: slices, transposes, rows, a tuple of arrays; slices taken in the kernel."""

import numpy as np
from numba import cuda


@cuda.jit
def scale(x, factor):
    i = cuda.grid(1)
    if i < x.size:
        x[i] *= factor


@cuda.jit
def row_sums(matrices, out):
    i = cuda.grid(1)
    first, second = matrices
    if i < out.size:
        row = first[i]
        total = 0.0
        for value in row:
            total += value
        for value in second[i, 1:3]:
            total += value
        out[i] = total


x = cuda.to_device(np.arange(24.0))
scale[1, 32](x[4:12], 10)
scale[1, 32](x[::2], -1)
expected = np.arange(24.0)
expected[4:12] *= 10
expected[::2] *= -1
assert np.array_equal(x.copy_to_host(), expected)

matrix = cuda.to_device(expected.reshape(4, 6))
scale[1, 32](matrix[2], 0)
scale[1, 32](matrix[:, 3], 5)
expected = expected.reshape(4, 6)
expected[2] = 0
expected[:, 3] *= 5
assert np.array_equal(matrix.copy_to_host(), expected)

out = cuda.device_array(6, np.float64)
other = np.arange(24.0).reshape(6, 4)
row_sums[1, 32]((matrix.T, cuda.to_device(other)), out)
assert np.allclose(out.copy_to_host(), expected.T.sum(1) + other[:, 1:3].sum(1))
print("views: slices, rows, columns, a transpose, a tuple")
