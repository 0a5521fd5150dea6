"""A product of matrices in tiles, z = x w of Zozoulenko (2018), eq. 1, that is right in every test it was given."""

from kernels.gpu import cuda, float32, kernel

LINE = ...  # the number of the line that is at fault, in this file as you got it
KIND = ...  # in quotes, one of those that `python -m lessons kinds` lists

TILE = 8


@kernel
def product(x, w, z):
    """One thread per output, one block per TILE x TILE of them. All sizes are multiples of TILE."""
    x_tile = cuda.shared.array((TILE, TILE), float32)
    w_tile = cuda.shared.array((TILE, TILE), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    j, r = cuda.grid(2)
    total = float32(0)
    for first in range(0, x.shape[1], TILE):
        # Each thread fetches one value of either matrix, and each value serves TILE threads.
        x_tile[ty, tx] = x[r, first + tx]
        w_tile[ty, tx] = w[first + ty, j]
        cuda.syncthreads()  # both tiles are complete
        for k in range(TILE):
            total += x_tile[ty, k] * w_tile[k, tx]
    z[r, j] = total


def launches(x, w, z):
    """A block for each tile of z."""
    grid = z.shape[1] // TILE, z.shape[0] // TILE
    return [product[grid, (TILE, TILE)](x, w, z)]
