"""A window that slides: one channel, one kernel, Zozoulenko (2018), eq. 24."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 4


@kernel
def slide(x, w, y):
    """One thread per output: it weighs the pixels under its window."""
    w_out, h_out = cuda.grid(2)
    if h_out < y.shape[0] and w_out < y.shape[1]:
        total = float32(0)
        ...  # add up the window of x that stands at (h_out, w_out), each pixel times its weight
        y[h_out, w_out] = total


def launches(x, w, y):
    """x (H, W), w (kh, kw) -> y (H - kh + 1, W - kw + 1)."""
    grid = -(-y.shape[1] // BLOCK), -(-y.shape[0] // BLOCK)
    return [slide[grid, (BLOCK, BLOCK)](x, w, y)]
