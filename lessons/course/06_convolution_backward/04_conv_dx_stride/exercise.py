"""The delta-error of an input: Zozoulenko (2018), eq. 26, with stride and padding."""

from kernels.gpu import cuda, float32, kernel

INDEX = ...  # "h - s h'", "s h - h'", "(h - h') / s" or "h + s h'": what is to stand for h - h' in eq. 26

BLOCK = 32


@kernel
def conv_dx_stride(dy, w, dx, stride_h, stride_w, pad_h, pad_w):
    """One thread per input value: it collects from the outputs that it went into."""
    n = cuda.grid(1)
    if n < dx.size:
        C, H, W = dx.shape[1], dx.shape[2], dx.shape[3]
        r, c = n // (C * H * W), n // (H * W) % C
        row, column = n // W % H, n % W  # in x, without its padding
        total = float32(0)
        for c_out in range(dy.shape[1]):
            for j in range(w.shape[2]):
                for i in range(w.shape[3]):
                    h_out, w_out = ...  # the output in which this weight met the pixel
                    if ...:  # there is such an output
                        total += dy[r, c_out, h_out, w_out] * w[c_out, c, j, i]
        dx[r, c, row, column] = total


def launches(dy, w, dx, stride, padding):
    """dy (R, C', H', W'), w (C', C, kh, kw) -> dx (R, C, H, W)."""
    return [conv_dx_stride[-(-dx.size // BLOCK), BLOCK](dy, w, dx, *stride, *padding)]
