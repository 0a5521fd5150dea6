"""A layer of neurons: y[r, j] = b[j] + sum over i of x[r, i] w[j, i], Zozoulenko (2018), eq. 1."""

from kernels.gpu import cuda, kernel

BLOCK = 8, 4


@kernel
def linear(x, w, b, y):
    """One thread per output: neuron j weighs all inputs of example r and adds its bias."""
    j, r = cuda.grid(2)
    if r < y.shape[0] and j < y.shape[1]:
        ...  # four lines: the sum of eq. 1 with its bias, and y[r, j] written once


def launches(x, w, b, y):
    """A thread for each of the R x M outputs."""
    grid = -(-y.shape[1] // BLOCK[0]), -(-y.shape[0] // BLOCK[1])
    return [linear[grid, BLOCK](x, w, b, y)]
