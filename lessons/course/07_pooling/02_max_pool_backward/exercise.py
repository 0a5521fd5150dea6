"""The backward of max pooling, gathering: Zozoulenko (2018), eq. 35-36, corrected."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 8, 4


@kernel
def max_pool_backward(dy, winner, dx, k, s):
    """One thread per input value: it collects the delta-errors of the windows that it won, in their order."""
    w, h = cuda.grid(2)
    p = cuda.blockIdx.z
    H, W = dx.shape[1], dx.shape[2]
    if h < H and w < W:
        ...  # up to 8 lines: dx[p, h, w], out of winner[p, h_out, w_out] and dy[p, h_out, w_out]


def planes(a):
    """a (R, C, H, W) as (R * C, H, W)."""
    return a.reshape(-1, *a.shape[2:])


def launches(dy, winner, dx, k, s):
    """A block is 8 values wide and 4 high; a layer of blocks for each plane."""
    dx = planes(dx)
    grid = -(-dx.shape[2] // BLOCK[0]), -(-dx.shape[1] // BLOCK[1]), dx.shape[0]
    return [max_pool_backward[grid, BLOCK](planes(dy), planes(winner), dx, k, s)]
