"""Max pooling in NumPy. Source: Zozoulenko (2018), eq. 34 and 36.

x (R, C, H, W) -> y (R, C, H', W') and winner (R, C, H', W'): where in the H * W values of its channel the
largest value of each window stands. Padding never wins. Of equal values the first in row-major order wins, of several
NaN the last, as in PyTorch. The delta-error of a value is the gradient of the loss with respect to it.
"""

import numpy as np


def forward(x, y, winner, window, stride, padding):
    """y[r,c,h',w'] = max over j, i of x[r, c, h's + j, w's + i] (eq. 34)."""
    H, W = x.shape[2:]
    for h_out, w_out in np.ndindex(y.shape[2:]):
        top, left = h_out * stride[0] - padding[0], w_out * stride[1] - padding[1]
        rows = slice(max(top, 0), min(top + window[0], H))
        columns = slice(max(left, 0), min(left + window[1], W))
        values = x[:, :, rows, columns].reshape(*x.shape[:2], -1)
        lost = np.isnan(values)
        last_lost = values.shape[2] - 1 - lost[:, :, ::-1].argmax(axis=2)
        best = np.where(lost.any(axis=2), last_lost, values.argmax(axis=2))
        j, i = np.divmod(best, columns.stop - columns.start)
        y[:, :, h_out, w_out] = values.max(axis=2)
        winner[:, :, h_out, w_out] = (rows.start + j) * W + columns.start + i


def backward(dy, winner, dx, window, stride, padding):
    """dx collects the delta-errors of all windows that a value won (eq. 36, summed where windows overlap)."""
    R, C = dx.shape[:2]
    dx[...] = 0
    r, c = np.ogrid[:R, :C]
    np.add.at(dx.reshape(R, C, -1), (r[..., None, None], c[..., None, None], winner), dy)
