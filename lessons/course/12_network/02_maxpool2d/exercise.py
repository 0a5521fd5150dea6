"""Max pooling of your own in the place of this project's: Zozoulenko (2018), eq. 33-36."""

import math

from kernels.gpu import cuda, float32, int32, kernel

BLOCK = 64


@kernel
def pool_forward(x, y, winner, window_h, window_w, stride_h, stride_w, pad_h, pad_w):
    """One thread per window: its largest value, and where in the H * W values of the channel the first such stands."""
    ...  # as in `max_pool`, with padding, which never wins


@kernel
def pool_backward(dy, winner, dx, window_h, window_w, stride_h, stride_w, pad_h, pad_w):
    """One thread per input value: it adds up the delta-errors of the windows that it won."""
    ...  # as in `max_pool_backward`


def forward(x, y, winner, window, stride, padding):
    return [pool_forward[-(-y.size // BLOCK), BLOCK](x, y, winner, *window, *stride, *padding)]


def backward(dy, winner, dx, window, stride, padding):
    return [pool_backward[-(-dx.size // BLOCK), BLOCK](dy, winner, dx, *window, *stride, *padding)]
