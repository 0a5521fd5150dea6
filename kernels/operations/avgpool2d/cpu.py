"""Average pooling on CPU cores: each core takes whole channels. Source: Murugan (2017), section 2.3.

Shapes as in reference.py. A channel belongs to one core, forward and backward, so sums have one order.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@checked
@njit(parallel=True, cache=True)
def forward(x, y, window, stride, padding):
    """Add each window up row by row, then divide by its full size."""
    R, C, H, W = x.shape
    share = np.float32(1 / (window[0] * window[1]))
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        for h_out in range(y.shape[2]):
            top = h_out * stride[0] - padding[0]
            for w_out in range(y.shape[3]):
                left = w_out * stride[1] - padding[1]
                total = np.float32(0)
                for h in range(max(top, 0), min(top + window[0], H)):
                    of_row = np.float32(0)  # on its own, as one sum of a large window would drift
                    for w in range(max(left, 0), min(left + window[1], W)):
                        of_row += x[r, c, h, w]
                    total += of_row
                y[r, c, h_out, w_out] = total * share


@checked
@njit(parallel=True, cache=True)
def backward(dy, dx, window, stride, padding):
    """Add its share of each delta-error to all values of the window."""
    R, C, H, W = dx.shape
    share = np.float32(1 / (window[0] * window[1]))
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        dx[r, c] = 0
        for h_out in range(dy.shape[2]):
            top = h_out * stride[0] - padding[0]
            for w_out in range(dy.shape[3]):
                left = w_out * stride[1] - padding[1]
                part = dy[r, c, h_out, w_out] * share
                for h in range(max(top, 0), min(top + window[0], H)):
                    for w in range(max(left, 0), min(left + window[1], W)):
                        dx[r, c, h, w] += part
