"""The backward of a linear layer, for its input: Zozoulenko (2018), eq. 15."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8, 4  # neighbours in x are neighbours in a row


@kernel
def linear_dx(dy, w, dx):
    """One thread per input value: dx[r, i] collects from all neurons that x[r, i] feeds."""
    i, r = cuda.grid(2)
    if r < dx.shape[0] and i < dx.shape[1]:
        total = float32(0)
        for j in range(w.shape[0]):
            total += dy[r, j] * w[j, i]
        dx[r, i] = total


def launches(dy, w, dx):
    grid = -(-dx.shape[1] // BLOCK[0]), -(-dx.shape[0] // BLOCK[1])
    return [linear_dx[grid, BLOCK](dy, w, dx)]
