"""Max pooling on a GPU, one rung each way. Source: Zozoulenko (2018), eq. 34 and 36.

Shapes as in reference.py. Backward gathers: each input value looks up the windows that cover it and
collects the delta-errors of those it won. Scattering would need atomics, and their order changes from
run to run.

The rungs:

    forward    1   one thread per output
    backward   1   one thread per input value, gathering

Nothing to climb: where windows do not overlap, forward reads each value once, and memory is the limit.
"""

import math

from kernels.gpu import Ladder, cuda, float32, int32, kernel, rung
from kernels.gpu.index import first_window, last_window, unravel

BLOCK = 256


@kernel
def forward_direct(x, y, winner, window_h, window_w, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per output: it scans its window row by row, so the first of equal values wins, but the last NaN."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        H, W = x.shape[2], x.shape[3]
        r, c, h_out, w_out = unravel(n, y.shape[1], y.shape[2], y.shape[3])
        top = h_out * stride_h - pad_h
        left = w_out * stride_w - pad_w
        best = float32(-math.inf)
        where = max(top, 0) * W + max(left, 0)
        for h in range(max(top, 0), min(top + window_h, H)):
            for w in range(max(left, 0), min(left + window_w, W)):
                value = x[r, c, h, w]
                # value != value is true of NaN alone, which must win: see cpu.py.
                if value > best or value != value:
                    best = value
                    where = h * W + w
        y[r, c, h_out, w_out] = best
        winner[r, c, h_out, w_out] = int32(where)


@kernel
def backward_gather(dy, winner, dx, window_h, window_w, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per input value: it collects the delta-errors of the windows it won, in row-major order."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        W = dx.shape[3]
        r, c, h, w = unravel(n, dx.shape[1], dx.shape[2], W)
        first_h, last_h = first_window(h, window_h, stride_h, pad_h), last_window(h, stride_h, pad_h, dy.shape[2])
        first_w, last_w = first_window(w, window_w, stride_w, pad_w), last_window(w, stride_w, pad_w, dy.shape[3])
        total = float32(0)
        for h_out in range(first_h, last_h + 1):
            for w_out in range(first_w, last_w + 1):
                if winner[r, c, h_out, w_out] == h * W + w:
                    total += dy[r, c, h_out, w_out]
        dx[r, c, h, w] = total


@rung(registers=64, tiny={"BLOCK": 8})
def forward_1(x, y, winner, window, stride, padding, *, BLOCK=BLOCK):
    """One thread per output: eq. 34 word for word."""
    blocks = math.ceil(y.size / BLOCK)
    return [forward_direct(BLOCK=BLOCK)[blocks, BLOCK](x, y, winner, *window, *stride, *padding)]


@rung(registers=80, tiny={"BLOCK": 8})
def backward_1(dy, winner, dx, window, stride, padding, *, BLOCK=BLOCK):
    """One thread per input value, gathering: no atomics, so runs repeat bit for bit."""
    blocks = math.ceil(dx.size / BLOCK)
    return [backward_gather(BLOCK=BLOCK)[blocks, BLOCK](dy, winner, dx, *window, *stride, *padding)]


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
