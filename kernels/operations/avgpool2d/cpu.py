"""Average pooling on CPU cores: each core takes whole channels. Source: Murugan (2017), section 2.3.

Shapes as in reference.py. A channel belongs to one core, forward and backward, so sums have one order.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.windows import bounds


@checked
@njit(parallel=True, cache=True)
def forward(x, y, window, stride, padding):
    """Add each window up row by row, one tap of all windows of a row at a time, then divide by its full size."""
    R, C, H, W = x.shape
    taps = bounds(y.shape[3], W, window[1], stride[1], padding[1])
    share = np.float32(1 / (window[0] * window[1]))
    halves = window == (2, 2) and stride == (2, 2) and padding == (0, 0)
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        if halves:  # the most common: four values in registers
            for h_out in range(y.shape[2]):
                _of_four(x[r, c, 2 * h_out], x[r, c, 2 * h_out + 1], y[r, c, h_out])
            continue
        of_row = np.empty(y.shape[3], np.float32)  # on its own, as one sum of a large window would drift
        for h_out in range(y.shape[2]):
            top, total = h_out * stride[0] - padding[0], y[r, c, h_out]
            total[:] = 0
            for h in range(max(top, 0), min(top + window[0], H)):
                of_row[:] = 0
                for i in range(window[1]):
                    first, end = taps[i, 0], taps[i, 1]
                    if stride[1] == 2:  # of a step that is known LLVM makes vectors
                        _add(x[r, c, h], of_row, first, end, 2, i - padding[1])
                    else:
                        _add(x[r, c, h], of_row, first, end, stride[1], i - padding[1])
                total += of_row
            total *= share


@njit(cache=True)
def _of_four(upper, lower, mean):
    """A row of windows 2 x 2 that do not overlap."""
    for w_out in range(mean.size):
        n, one = np.uintp(w_out), np.uintp(1)  # no index counts from the end: LLVM may make vectors
        mean[n] = (upper[2 * n] + upper[2 * n + one] + (lower[2 * n] + lower[2 * n + one])) * np.float32(0.25)


@njit(cache=True)
def _add(row, total, first, end, step, left):
    for w_out in range(first, end):
        total[np.uintp(w_out)] += row[np.uintp(w_out * step + left)]  # no index counts from the end


@checked
@njit(parallel=True, cache=True)
def backward(dy, dx, window, stride, padding):
    """Add its share of each delta-error to all values of the window."""
    R, C, H, W = dx.shape
    taps = bounds(dy.shape[3], W, window[1], stride[1], padding[1])
    share = np.float32(1 / (window[0] * window[1]))
    halves = window == (2, 2) and stride == (2, 2) and padding == (0, 0)
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        dx[r, c] = 0
        if halves:
            for h_out in range(dy.shape[2]):
                _to_four(dy[r, c, h_out], dx[r, c, 2 * h_out], dx[r, c, 2 * h_out + 1])
            continue
        spread = np.empty(W, np.float32)
        for h_out in range(dy.shape[2]):
            top = h_out * stride[0] - padding[0]
            spread[:] = 0
            for i in range(window[1]):
                first, end = taps[i, 0], taps[i, 1]
                if stride[1] == 2:
                    _spread(dy[r, c, h_out], spread, first, end, 2, i - padding[1])
                else:
                    _spread(dy[r, c, h_out], spread, first, end, stride[1], i - padding[1])
            for h in range(max(top, 0), min(top + window[0], H)):
                row = dx[r, c, h]
                for w in range(W):
                    row[w] += spread[w] * share


@njit(cache=True)
def _spread(row, spread, first, end, step, left):
    for w_out in range(first, end):
        spread[np.uintp(w_out * step + left)] += row[np.uintp(w_out)]


@njit(cache=True)
def _to_four(row, upper, lower):
    """A row of windows 2 x 2 that do not overlap."""
    for w_out in range(row.size):
        n, one = np.uintp(w_out), np.uintp(1)
        upper[2 * n] = upper[2 * n + one] = lower[2 * n] = lower[2 * n + one] = row[n] * np.float32(0.25)
