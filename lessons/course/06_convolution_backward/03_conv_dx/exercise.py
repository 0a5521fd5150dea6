"""The delta-error of an input: Zozoulenko (2018), eq. 25, with a stride of 1 and no padding."""

from kernels.gpu import cuda, float32, kernel

BLOCK = 32


@kernel
def conv_dx(dy, w, dx):
    """One thread per input value: it collects from the outputs that it went into."""
    n = cuda.grid(1)
    if n < dx.size:
        C, H, W = dx.shape[1], dx.shape[2], dx.shape[3]
        r, c = n // (C * H * W), n // (H * W) % C
        row, column = n // W % H, n % W
        total = float32(0)
        ...  # add up the delta-errors of all outputs that x[r, c, row, column] went into, each with its weight
        dx[r, c, row, column] = total


def launches(dy, w, dx):
    """dy (R, C', H', W'), w (C', C, kh, kw) -> dx (R, C, H, W)."""
    return [conv_dx[-(-dx.size // BLOCK), BLOCK](dy, w, dx)]
