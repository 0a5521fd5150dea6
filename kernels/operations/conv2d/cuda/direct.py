"""Rung 1 of each ladder: the equations word for word, one thread for each value that they define."""

import math

from kernels.gpu import cuda, float32, kernel, or_any, rung
from kernels.gpu.index import split
from kernels.gpu.reduce import compensated

BLOCK = 256


@kernel
def forward_direct(x, w, b, y, stride_h, stride_w, pad_h, pad_w, *, BIAS=True, BLOCK=BLOCK):
    """One thread per output: it weighs its window, channel by channel and row by row."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        C, H, W = x.shape[1], x.shape[2], x.shape[3]
        rc, h_out, w_out = split(n, y.shape[2], y.shape[3])
        r = rc // y.shape[1]
        c_out = rc % y.shape[1]
        total = b[c_out] if BIAS else float32(0)
        for c in range(C):
            for j in range(w.shape[2]):
                for i in range(w.shape[3]):
                    row = h_out * stride_h + j - pad_h
                    column = w_out * stride_w + i - pad_w
                    if 0 <= row < H and 0 <= column < W:
                        total += x[r, c, row, column] * w[c_out, c, j, i]
        y[r, c_out, h_out, w_out] = total


@rung(registers=40, tiny={"BLOCK": 8})
def forward_1(x, w, b, y, stride, padding, *, BLOCK=BLOCK):
    """One thread per output: eq. 24 word for word, with the stride of eq. 22-23."""
    grid = math.ceil(y.size / BLOCK)
    return [forward_direct(BIAS=b is not None, BLOCK=BLOCK)[grid, BLOCK](x, w, or_any(b, x), y, *stride, *padding)]


@kernel
def dx_direct(dy, w, dx, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per input value: it collects the delta-errors of the outputs it took part in, each with its weight.

    Through weight (j, i) it took part in output (h', w') where s h' = h + p - j, if that divides.
    """
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        H_out, W_out = dy.shape[2], dy.shape[3]
        rc, row, column = split(n, dx.shape[2], dx.shape[3])
        r = rc // dx.shape[1]
        c = rc % dx.shape[1]
        total = float32(0)
        for c_out in range(w.shape[0]):
            for j in range(w.shape[2]):
                for i in range(w.shape[3]):
                    h_out = (row + pad_h - j) // stride_h
                    w_out = (column + pad_w - i) // stride_w
                    divides = h_out * stride_h == row + pad_h - j and w_out * stride_w == column + pad_w - i
                    if divides and 0 <= h_out < H_out and 0 <= w_out < W_out:
                        total += dy[r, c_out, h_out, w_out] * w[c_out, c, j, i]
        dx[r, c, row, column] = total


@rung(registers=48, tiny={"BLOCK": 8})
def dx_1(dy, w, dx, stride, padding, *, BLOCK=BLOCK):
    """One thread per input value, gathering: eq. 26-27 with the stride. No atomics, so runs repeat bit for bit."""
    return [dx_direct(BLOCK=BLOCK)[math.ceil(dx.size / BLOCK), BLOCK](dy, w, dx, *stride, *padding)]


@kernel
def dw_direct(dy, x, dw, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per weight: it goes through all outputs of its channel, in all images."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dw.size:
        H, W = x.shape[2], x.shape[3]
        cc, j, i = split(n, dw.shape[2], dw.shape[3])
        c_out = cc // dw.shape[1]
        c = cc % dw.shape[1]
        total, lost = float32(0), float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    row = h_out * stride_h + j - pad_h
                    column = w_out * stride_w + i - pad_w
                    if 0 <= row < H and 0 <= column < W:
                        total, lost = compensated(total, lost, x[r, c, row, column] * dy[r, c_out, h_out, w_out])
        dw[c_out, c, j, i] = total


@rung(registers=40, tiny={"BLOCK": 8})
def dw_1(dy, x, dw, stride, padding, *, BLOCK=BLOCK):
    """One thread per weight: eq. 28 word for word, with the stride."""
    return [dw_direct(BLOCK=BLOCK)[math.ceil(dw.size / BLOCK), BLOCK](dy, x, dw, *stride, *padding)]


@kernel
def db_direct(dy, db, *, BLOCK=BLOCK):
    """One thread per channel: it adds up the delta-errors of all its outputs, in all images."""
    c_out = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if c_out < db.size:
        total, lost = float32(0), float32(0)
        for r in range(dy.shape[0]):
            for h_out in range(dy.shape[2]):
                for w_out in range(dy.shape[3]):
                    total, lost = compensated(total, lost, dy[r, c_out, h_out, w_out])
        db[c_out] = total


@rung(registers=32, tiny={"BLOCK": 8})
def db_1(dy, db, *, BLOCK=BLOCK):
    """One thread per channel: Murugan (2017), eq. 3.74, with the batch."""
    return [db_direct(BLOCK=BLOCK)[math.ceil(db.size / BLOCK), BLOCK](dy, db)]
