"""Delta-errors that are sent: the dx of a convolution with one channel, Zozoulenko (2018), eq. 26 with a stride."""

from kernels.gpu import cuda, float32, kernel

LINE = 27  # the number of the line that is at fault, in this file as you got it
KIND = "race"  # in quotes, one of those that `python -m lessons kinds` lists

BLOCK = 4


@kernel
def gather(dy, w, dx, stride_h, stride_w):
    """One thread per pixel: it collects from the outputs in whose windows it lies."""
    column, row = cuda.grid(2)
    if row < dx.shape[0] and column < dx.shape[1]:
        total = float32(0)
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                h_out, w_out = (row - j) // stride_h, (column - i) // stride_w
                divides = h_out * stride_h == row - j and w_out * stride_w == column - i
                if divides and 0 <= h_out < dy.shape[0] and 0 <= w_out < dy.shape[1]:
                    total += dy[h_out, w_out] * w[j, i]
        dx[row, column] = total


def launches(dy, w, dx, stride):
    """dy (H', W'), w (kh, kw) -> dx (H, W)."""
    return [gather[blocks(dx), (BLOCK, BLOCK)](dy, w, dx, *stride)]


def blocks(array):
    """As many as it takes for a thread per element."""
    return -(-array.shape[1] // BLOCK), -(-array.shape[0] // BLOCK)
