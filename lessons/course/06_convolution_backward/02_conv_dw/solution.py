"""The delta-error of weights: Zozoulenko (2018), eq. 28, without what is wrong with it in print."""

from kernels.gpu import cuda, float32, kernel

MISPRINT = "c'"  # "r", "c'", "h'" or "w'": what eq. 28 as printed must not add up over

BLOCK = 32


@kernel
def conv_dw(dy, x, dw, stride_h, stride_w, pad_h, pad_w):
    """One thread per weight."""
    n = cuda.grid(1)
    if n < dw.size:
        C, kh, kw = dw.shape[1], dw.shape[2], dw.shape[3]
        c_out, c = n // (C * kh * kw), n // (kh * kw) % C
        j, i = n // kw % kh, n % kw
        total = float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    row = h_out * stride_h + j - pad_h
                    column = w_out * stride_w + i - pad_w
                    if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                        total += x[r, c, row, column] * dy[r, c_out, h_out, w_out]
        dw[c_out, c, j, i] = total


def launches(dy, x, dw, stride, padding):
    """dy (R, C', H', W'), x (R, C, H, W) -> dw (C', C, kh, kw)."""
    return [conv_dw[-(-dw.size // BLOCK), BLOCK](dy, x, dw, *stride, *padding)]
