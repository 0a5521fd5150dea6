"""Convolution on the CPU as its equations are read: the first rungs."""

import numpy as np
from numba import njit, prange

from kernels.cpu.ladder import rung
from kernels.cpu.sums import VECTOR_SUMS
from kernels.cpu.windows import bounds


@rung
@njit(cache=True)
def forward_loops(x, w, b, y, stride, padding):
    """Eq. 24 word for word, with the stride of eq. 22-23: one core, one output after the other."""
    (R, C, H, W), (C_out, _, kh, kw), (_, _, H_out, W_out) = x.shape, w.shape, y.shape
    for r in range(R):
        for c_out in range(C_out):
            for h_out in range(H_out):
                for w_out in range(W_out):
                    total = np.float32(0) if b is None else b[c_out]
                    for c in range(C):
                        for j in range(kh):
                            for i in range(kw):
                                h, w_in = h_out * stride[0] + j - padding[0], w_out * stride[1] + i - padding[1]
                                if 0 <= h < H and 0 <= w_in < W:
                                    total += x[r, c, h, w_in] * w[c_out, c, j, i]
                    y[r, c_out, h_out, w_out] = total


@rung
@njit(cache=True)
def forward_rows(x, w, b, y, stride, padding):
    """In the order of memory: a weight goes over a row of outputs, neighbours in vectors, and no border is asked."""
    R, C_out = x.shape[0], w.shape[0]
    for image in range(R * C_out):
        _rows(x, w, b, y, stride, padding, image // C_out, image % C_out)


@njit(cache=True)
def _rows(x, w, b, y, stride, padding, r, c_out):
    """One channel of one picture."""
    (_, C, H, W), (_, _, kh, kw), (_, _, H_out, W_out) = x.shape, w.shape, y.shape
    taps = bounds(W_out, W, kw, stride[1], padding[1])
    y[r, c_out] = np.float32(0) if b is None else b[c_out]
    for c in range(C):
        for h_out in range(H_out):
            for j in range(kh):
                h = h_out * stride[0] + j - padding[0]
                if 0 <= h < H:
                    for i in range(kw):
                        reach = taps[i, 0], taps[i, 1], stride[1], i - padding[1]
                        _add(x[r, c, h], w[c_out, c, j, i], y[r, c_out, h_out], reach)


@njit(cache=True)
def _add(row, weight, out, reach):
    first, end, step, left = reach
    for n in range(first, end):
        out[np.uintp(n)] += row[np.uintp(n * step + left)] * weight  # no index counts from the end: LLVM makes vectors


@rung
@njit(parallel=True, cache=True)
def forward_cores(x, w, b, y, stride, padding):
    """All cores: each takes whole channels of a picture."""
    R, C_out = x.shape[0], w.shape[0]
    for image in prange(R * C_out):
        _rows(x, w, b, y, stride, padding, image // C_out, image % C_out)


@rung
@njit(cache=True)
def backward_loops(dy, x, w, dx, dw, db, stride, padding):
    """Eq. 26-28: each output's delta-error goes to all that it was made of, one after the other, on one core."""
    (R, C_out, H_out, W_out), (_, C, kh, kw) = dy.shape, w.shape
    H, W = x.shape[2:]
    if dx is not None:
        dx[:] = 0
    if dw is not None:
        dw[:] = 0
    if db is not None:
        db[:] = 0
    for c_out in range(C_out):
        total = 0.0
        for r in range(R):
            for h_out in range(H_out):
                for w_out in range(W_out):
                    delta = dy[r, c_out, h_out, w_out]
                    total += delta
                    for c in range(C):
                        for j in range(kh):
                            for i in range(kw):
                                h, w_in = h_out * stride[0] + j - padding[0], w_out * stride[1] + i - padding[1]
                                if 0 <= h < H and 0 <= w_in < W:
                                    if dx is not None:
                                        dx[r, c, h, w_in] += delta * w[c_out, c, j, i]
                                    if dw is not None:
                                        dw[c_out, c, j, i] += delta * x[r, c, h, w_in]
        if db is not None:
            db[c_out] = total


@njit(parallel=True, cache=True, fastmath=VECTOR_SUMS)
def sum_pixels(dy, db):
    """db[c'] = sum over r, h', w' of dy, in float64: a sum of delta-errors is often nearly zero."""
    R, C_out, H_out, W_out = dy.shape
    for c in prange(C_out):
        total = 0.0
        for r in range(R):
            for h in range(H_out):
                for w in range(W_out):
                    total += dy[r, c, h, w]
        db[c] = total
