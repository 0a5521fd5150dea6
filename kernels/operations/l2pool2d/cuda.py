"""L2 pooling on a GPU, one rung. Source: Murugan (2017), section 2.3.

Shapes as in reference.py. Backward gathers: each input value collects from the windows that cover it.

The rungs:

    forward    1   one thread per output
    backward   1   one thread per input value, gathering

Nothing to climb: where windows do not overlap, forward reads each value once.
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung
from kernels.gpu.index import first_window, last_window, unravel

BLOCK = 256


@kernel
def forward_direct(x, y, window_h, window_w, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per output: it adds the squares of its window up row by row."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        r, c, h_out, w_out = unravel(n, y.shape[1], y.shape[2], y.shape[3])
        top = h_out * stride_h - pad_h
        left = w_out * stride_w - pad_w
        total = float32(0)
        for h in range(max(top, 0), min(top + window_h, x.shape[2])):
            of_row = float32(0)  # on its own, as one sum of a large window would drift
            for w in range(max(left, 0), min(left + window_w, x.shape[3])):
                of_row += x[r, c, h, w] * x[r, c, h, w]
            total += of_row
        y[r, c, h_out, w_out] = math.sqrt(total)


@kernel
def backward_gather(dy, x, y, dx, window_h, window_w, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per input value: it adds up dy / y of the windows that cover it, then multiplies by its x."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        r, c, h, w = unravel(n, dx.shape[1], dx.shape[2], dx.shape[3])
        first_h, last_h = first_window(h, window_h, stride_h, pad_h), last_window(h, stride_h, pad_h, dy.shape[2])
        first_w, last_w = first_window(w, window_w, stride_w, pad_w), last_window(w, stride_w, pad_w, dy.shape[3])
        total = float32(0)
        for h_out in range(first_h, last_h + 1):
            for w_out in range(first_w, last_w + 1):
                if y[r, c, h_out, w_out] != float32(0):
                    total += dy[r, c, h_out, w_out] / y[r, c, h_out, w_out]
        dx[r, c, h, w] = total * x[r, c, h, w]


@rung(registers=64, tiny={"BLOCK": 8})
def forward_1(x, y, window, stride, padding, *, BLOCK=BLOCK):
    """One thread per output."""
    return [forward_direct(BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](x, y, *window, *stride, *padding)]


@rung(registers=72, tiny={"BLOCK": 8})
def backward_1(dy, x, y, dx, window, stride, padding, *, BLOCK=BLOCK):
    """One thread per input value, gathering: no atomics, so runs repeat bit for bit."""
    return [backward_gather(BLOCK=BLOCK)[math.ceil(dx.size / BLOCK), BLOCK](dy, x, y, dx, *window, *stride, *padding)]


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
