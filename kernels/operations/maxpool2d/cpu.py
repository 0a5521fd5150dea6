"""Max pooling on CPU cores: each core takes whole channels. Source: Zozoulenko (2018), eq. 34 and 36.

Shapes as in reference.py. A channel belongs to one core, forward and backward, so sums have one order.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.pairs import WIDTH, largest_of_four
from kernels.cpu.windows import bounds


@checked
@njit(parallel=True, cache=True)
def forward(x, y, winner, window, stride, padding):
    """One tap of all windows of a row at a time, in their order; of equals the first wins."""
    R, C, H, W = x.shape
    taps = bounds(y.shape[3], W, window[1], stride[1], padding[1])
    halves = window == (2, 2) and stride == (2, 2) and padding == (0, 0)
    flat_x, flat_y, flat_winner = x.reshape(-1), y.reshape(-1), winner.reshape(-1)
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        for h_out in range(y.shape[2]):
            if halves and y.shape[3] >= WIDTH:  # the most common: windows side by side in registers
                upper, o = (np.int64(rc) * H + 2 * h_out) * W, (np.int64(rc) * y.shape[2] + h_out) * y.shape[3]
                for n in range(0, y.shape[3], WIDTH):
                    w = min(n, y.shape[3] - WIDTH)  # the last ones are, in part, computed twice
                    left = upper + 2 * w
                    largest_of_four(flat_x, left, left + W, 2 * (h_out * W + w), W, flat_y, flat_winner, o + w)
                continue
            top = h_out * stride[0] - padding[0]
            best, where = y[r, c, h_out], winner[r, c, h_out]
            for w_out in range(best.size):
                best[w_out] = -np.inf
                where[w_out] = max(top, 0) * W + max(w_out * stride[1] - padding[1], 0)
            for h in range(max(top, 0), min(top + window[0], H)):
                for i in range(window[1]):
                    first, end = taps[i, 0], taps[i, 1]
                    if stride[1] == 2:  # of a step that is known LLVM makes vectors
                        _scan(x[r, c, h], best, where, first, end, 2, i - padding[1], h * W)
                    else:
                        _scan(x[r, c, h], best, where, first, end, stride[1], i - padding[1], h * W)


@njit(cache=True)
def _larger(best, where, value, place):
    """Only a larger value or a NaN replaces the best so far.

    A NaN must not be lost on the way to the loss. Nothing is larger than it, but the next NaN: the last one wins.
    """
    replaces = (value > best) | (value != value)
    return value if replaces else best, place if replaces else where


@njit(cache=True)
def _scan(row, best, where, first, end, step, left, start):
    """One tap of a row of windows."""
    for w_out in range(first, end):
        n, w = np.uintp(w_out), w_out * step + left  # no index counts from the end: LLVM may make vectors
        best[n], where[n] = _larger(best[n], np.int64(where[n]), row[np.uintp(w)], start + w)


@checked
@njit(parallel=True, cache=True)
def backward(dy, winner, dx, window, stride, padding):
    """Add each delta-error where its window's winner stood."""
    R, C = dx.shape[:2]
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        deltas, winners, plane = dy[r, c].reshape(-1), winner[r, c].reshape(-1), dx[r, c].reshape(-1)
        plane[:] = 0
        for n in range(deltas.size):
            plane[winners[n]] += deltas[n]
