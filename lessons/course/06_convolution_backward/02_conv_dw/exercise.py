"""The delta-error of weights: Zozoulenko (2018), eq. 28, without what is wrong with it in print."""

from kernels.gpu import cuda, float32, kernel

MISPRINT = ...  # "r", "c'", "h'" or "w'": what eq. 28 as printed must not add up over

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
        ...  # add up what this weight has done, in all outputs that it has a part in
        dw[c_out, c, j, i] = total


def launches(dy, x, dw, stride, padding):
    """dy (R, C', H', W'), x (R, C, H, W) -> dw (C', C, kh, kw)."""
    return [conv_dw[-(-dw.size // BLOCK), BLOCK](dy, x, dw, *stride, *padding)]
