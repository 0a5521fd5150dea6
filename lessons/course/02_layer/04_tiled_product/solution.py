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
    for first_i in range(0, x.shape[1], TILE):
        i = first_i + tx  # the input of both values that this thread fetches: neighbours fetch neighbours
        x_tile[ty, tx] = x[r, i] if r < x.shape[0] and i < x.shape[1] else float32(0)
        w_tile[ty, tx] = w[first_j + ty, i] if first_j + ty < w.shape[0] and i < w.shape[1] else float32(0)
        cuda.syncthreads()  # both tiles are complete
        for k in range(TILE):
            total += x_tile[ty, k] * w_tile[tx, k]
        cuda.syncthreads()  # nobody reads these tiles any more: the next turn may write over them
    if r < y.shape[0] and j < y.shape[1]:
        y[r, j] = total + b[j]


def launches(x, w, b, y):
    """A block for each tile of y, those at its edges included."""
    grid = -(-y.shape[1] // TILE), -(-y.shape[0] // TILE)
    return [linear[grid, (TILE, TILE)](x, w, b, y)]
