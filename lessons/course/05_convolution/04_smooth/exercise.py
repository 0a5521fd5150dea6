"""An image smoothed along its rows: a window of three weights, Zozoulenko (2018), eq. 24, in one dimension."""

from kernels.gpu import cuda, float32, kernel

LINE = ...  # the number of the line that is at fault, in this file as you got it
KIND = ...  # in quotes, one of those that `python -m lessons kinds` lists

BLOCK = 8
TILE = BLOCK + 2


@kernel
def smooth(x, w, y):
    """One thread per pixel. A block keeps its part of a row, with a neighbour at either end, in shared memory."""
    tile = cuda.shared.array(TILE, float32)
    t = cuda.threadIdx.x
    row, column = cuda.blockIdx.y, cuda.blockIdx.x * BLOCK + t
    if column >= x.shape[1]:
        return
    tile[t + 1] = x[row, column]
    if t == 0:
        tile[0] = x[row, column - 1] if column > 0 else float32(0)
    if t == BLOCK - 1:
        tile[TILE - 1] = x[row, column + 1] if column + 1 < x.shape[1] else float32(0)
    cuda.syncthreads()  # the neighbours' pixels are there
    y[row, column] = tile[t] * w[0] + tile[t + 1] * w[1] + tile[t + 2] * w[2]


def launches(x, w, y):
    """x (H, W), w (3,) -> y (H, W): what lies outside of a row is 0."""
    return [smooth[(-(-x.shape[1] // BLOCK), x.shape[0]), BLOCK](x, w, y)]
