"""Climb: a transposition that reads rows and writes columns. Make both rows."""

from kernels.gpu import Ladder, cuda, float32, kernel, rung

TILE = 32
PADDED = TILE + 1


@kernel
def transpose_direct(x, y):
    """One thread per value. Neighbours read neighbours, and write a row apart."""
    j, i = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        y[j, i] = x[i, j]


@rung
def direct(x, y):
    """One thread per value."""
    grid = -(-x.shape[1] // TILE), -(-x.shape[0] // TILE)
    return [transpose_direct[grid, (TILE, TILE)](x, y)]


@kernel
def transpose_tiled(x, y):
    """A block reads a tile row by row, and writes it row by row, turned."""
    tile = cuda.shared.array((TILE, PADDED), float32)  # a column more, so that a column lies in 32 banks
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    i, j = cuda.blockIdx.y * TILE + ty, cuda.blockIdx.x * TILE + tx
    if i < x.shape[0] and j < x.shape[1]:
        tile[ty, tx] = x[i, j]
    cuda.syncthreads()  # the tile is there
    i, j = cuda.blockIdx.y * TILE + tx, cuda.blockIdx.x * TILE + ty
    if i < x.shape[0] and j < x.shape[1]:
        y[j, i] = tile[tx, ty]


@rung
def tiled(x, y):
    """Through shared memory."""
    grid = -(-x.shape[1] // TILE), -(-x.shape[0] // TILE)
    return [transpose_tiled[grid, (TILE, TILE)](x, y)]


# Add a rung of yours: a kernel, a function that launches it, and its name in the ladder, behind the others.
forward = Ladder("forward", direct, tiled)
