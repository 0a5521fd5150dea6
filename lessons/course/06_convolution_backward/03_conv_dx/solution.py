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
        for c_out in range(dy.shape[1]):
            for j in range(w.shape[2]):
                for i in range(w.shape[3]):
                    h_out, w_out = row - j, column - i
                    if 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]:
                        total += dy[r, c_out, h_out, w_out] * w[c_out, c, j, i]
        dx[r, c, row, column] = total


def launches(dy, w, dx):
    """dy (R, C', H', W'), w (C', C, kh, kw) -> dx (R, C, H, W)."""
    return [conv_dx[-(-dx.size // BLOCK), BLOCK](dy, w, dx)]
