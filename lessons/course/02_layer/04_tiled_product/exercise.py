"""A layer in tiles: y = x wT + b, Zozoulenko (2018), eq. 3."""

from kernels.gpu import cuda, float32, kernel

TILE = 8


@kernel
def linear(x, w, b, y):
    """One thread per output, one block per TILE x TILE of them: it goes along the sum tile by tile."""
    x_tile = cuda.shared.array((TILE, TILE), float32)  # [example, input]
    w_tile = cuda.shared.array((TILE, TILE), float32)  # [neuron, input]
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    first_r, first_j = cuda.blockIdx.y * TILE, cuda.blockIdx.x * TILE
    r, j = first_r + ty, first_j + tx  # the output of this thread
    total = float32(0)
    ...  # a loop over tiles: fetch a value of x and one of w, or 0; wait; add up TILE products; wait
    if r < y.shape[0] and j < y.shape[1]:
        y[r, j] = total + b[j]


def launches(x, w, b, y):
    """A block for each tile of y, those at its edges included."""
    grid = -(-y.shape[1] // TILE), -(-y.shape[0] // TILE)
    return [linear[grid, (TILE, TILE)](x, w, b, y)]
