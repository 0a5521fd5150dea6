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
        first_h, last_h = max(0, (h - k) // s + 1), min(dy.shape[1] - 1, h // s)
        first_w, last_w = max(0, (w - k) // s + 1), min(dy.shape[2] - 1, w // s)
        total = float32(0)
        for h_out in range(first_h, last_h + 1):
            for w_out in range(first_w, last_w + 1):
                if winner[p, h_out, w_out] == h * W + w:
                    total += dy[p, h_out, w_out]
        dx[p, h, w] = total


def planes(a):
    """a (R, C, H, W) as (R * C, H, W)."""
    return a.reshape(-1, *a.shape[2:])


def launches(dy, winner, dx, k, s):
    """A block is 8 values wide and 4 high; a layer of blocks for each plane."""
    dx = planes(dx)
    grid = -(-dx.shape[2] // BLOCK[0]), -(-dx.shape[1] // BLOCK[1]), dx.shape[0]
    return [max_pool_backward[grid, BLOCK](planes(dy), planes(winner), dx, k, s)]
