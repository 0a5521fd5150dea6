"""The backward of a linear layer, for its weights: Zozoulenko (2018), eq. 17."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8, 4  # neighbours in x are neighbours in a row of dw


@kernel
def linear_dw(dy, x, dw):
    """One thread per weight: dw[j, i] collects from all examples."""
    i, j = cuda.grid(2)
    if j < dw.shape[0] and i < dw.shape[1]:
        total = float32(0)
        for r in range(x.shape[0]):
            total += dy[r, j] * x[r, i]
        dw[j, i] = total


def launches(dy, x, dw):
    """As many threads in x as dw has columns, or some more; as many in y as it has rows, or some more."""
    grid = -(-dw.shape[1] // BLOCK[0]), -(-dw.shape[0] // BLOCK[1])
    return [linear_dw[grid, BLOCK](dy, x, dw)]
