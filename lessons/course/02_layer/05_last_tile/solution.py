"""The way back through a layer, dx = dy w, in tiles: Zozoulenko (2018), eq. 15, without the slope f'."""

from kernels.gpu import cuda, float32, kernel

LINE = 22  # the number of the line that is at fault, in this file as you got it
KIND = "out of bounds"  # in quotes, one of those that `python -m lessons kinds` lists

TILE = 4


@kernel
def linear_backward(dy, w, dx):
    """One thread per input, one block per TILE x TILE of them: it goes along the neurons tile by tile."""
    dy_tile = cuda.shared.array((TILE, TILE), float32)  # [example, neuron]
    w_tile = cuda.shared.array((TILE, TILE), float32)  # [neuron, input]
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    i, r = cuda.grid(2)
    R, M, N = dy.shape[0], dy.shape[1], dx.shape[1]
    total = float32(0)
    for first_j in range(0, M, TILE):
        # Each thread fetches a delta-error and a weight, or zeros beyond an edge.
        dy_tile[ty, tx] = dy[r, first_j + tx] if r < R and first_j + tx < M else float32(0)
        w_tile[ty, tx] = w[first_j + ty, i] if first_j + ty < M and i < N else float32(0)
        cuda.syncthreads()  # both tiles are complete
        for k in range(TILE):
            total += dy_tile[ty, k] * w_tile[k, tx]
        cuda.syncthreads()  # nobody reads these tiles any more: the next turn may write over them
    if r < R and i < N:
        dx[r, i] = total


def launches(dy, w, dx):
    """A block for each tile of dx, those at its edges included."""
    grid = -(-dx.shape[1] // TILE), -(-dx.shape[0] // TILE)
    return [linear_backward[grid, (TILE, TILE)](dy, w, dx)]
