"""Max pooling on CPU cores: each core takes whole channels. Source: Zozoulenko (2018), eq. 34 and 36.

Shapes as in reference.py. A channel belongs to one core, forward and backward, so sums have one order.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@checked
@njit(parallel=True, cache=True)
def forward(x, y, winner, window, stride, padding):
    """Scan each window row by row; only a larger value or a NaN replaces the best so far, so the first of equals wins.

    A NaN must not be lost on the way to the loss. Nothing is larger than it, but the next NaN: the last one wins.
    """
    R, C, H, W = x.shape
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        for h_out in range(y.shape[2]):
            top = h_out * stride[0] - padding[0]
            for w_out in range(y.shape[3]):
                left = w_out * stride[1] - padding[1]
                best = np.float32(-np.inf)
                where = max(top, 0) * W + max(left, 0)
                for h in range(max(top, 0), min(top + window[0], H)):
                    for w in range(max(left, 0), min(left + window[1], W)):
                        value = x[r, c, h, w]
                        if value > best or np.isnan(value):
                            best = value
                            where = h * W + w
                y[r, c, h_out, w_out] = best
                winner[r, c, h_out, w_out] = where


@checked
@njit(parallel=True, cache=True)
def backward(dy, winner, dx, window, stride, padding):
    """Add each delta-error where its window's winner stood."""
    R, C, _, W = dx.shape
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        dx[r, c] = 0
        for h_out in range(dy.shape[2]):
            for w_out in range(dy.shape[3]):
                where = winner[r, c, h_out, w_out]
                dx[r, c, where // W, where % W] += dy[r, c, h_out, w_out]
