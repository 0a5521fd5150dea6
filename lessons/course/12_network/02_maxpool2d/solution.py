"""Max pooling of your own in the place of this project's: Zozoulenko (2018), eq. 33-36."""

import math

from kernels.gpu import cuda, float32, int32, kernel

BLOCK = 64


@kernel
def pool_forward(x, y, winner, window_h, window_w, stride_h, stride_w, pad_h, pad_w):
    """One thread per window: its largest value, and where in the H * W values of the channel the first such stands."""
    n = cuda.grid(1)
    if n < y.size:
        H, W = x.shape[2], x.shape[3]
        w_out = n % y.shape[3]
        h_out = n // y.shape[3] % y.shape[2]
        c = n // (y.shape[3] * y.shape[2]) % y.shape[1]
        r = n // (y.shape[3] * y.shape[2] * y.shape[1])
        best = float32(-math.inf)
        where = 0
        for j in range(window_h):
            for i in range(window_w):
                h, w = h_out * stride_h + j - pad_h, w_out * stride_w + i - pad_w
                if 0 <= h < H and 0 <= w < W and x[r, c, h, w] > best:
                    best = x[r, c, h, w]
                    where = h * W + w
        y[r, c, h_out, w_out] = best
        winner[r, c, h_out, w_out] = int32(where)


@kernel
def pool_backward(dy, winner, dx, window_h, window_w, stride_h, stride_w, pad_h, pad_w):
    """One thread per input value: it adds up the delta-errors of the windows that it won."""
    n = cuda.grid(1)
    if n < dx.size:
        W = dx.shape[3]
        w = n % W
        h = n // W % dx.shape[2]
        c = n // (W * dx.shape[2]) % dx.shape[1]
        r = n // (W * dx.shape[2] * dx.shape[1])
        total = float32(0)
        for j in range(window_h):
            for i in range(window_w):
                top, left = h + pad_h - j, w + pad_w - i
                if top % stride_h == 0 and left % stride_w == 0:
                    h_out, w_out = top // stride_h, left // stride_w
                    is_inside = 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]
                    if is_inside and winner[r, c, h_out, w_out] == h * W + w:
                        total += dy[r, c, h_out, w_out]
        dx[r, c, h, w] = total


def forward(x, y, winner, window, stride, padding):
    return [pool_forward[-(-y.size // BLOCK), BLOCK](x, y, winner, *window, *stride, *padding)]


def backward(dy, winner, dx, window, stride, padding):
    return [pool_backward[-(-dx.size // BLOCK), BLOCK](dy, winner, dx, *window, *stride, *padding)]
