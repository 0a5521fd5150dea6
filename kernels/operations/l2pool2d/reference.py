"""L2 pooling in NumPy. Source: Murugan (2017), section 2.3; max pooling with a norm for the maximum.

x (R, C, H, W) -> y (R, C, H', W'). Padding counts as zeros, which add nothing to a norm.
"""

import numpy as np

from kernels.operations.avgpool2d.reference import windows


def forward(x, y, window, stride, padding):
    """y[r,c,h',w'] = square root of the sum over j, i of x[r, c, h's + j - p, w's + i - p]^2."""
    for h_out, w_out, rows, columns in windows(x, y, window, stride, padding):
        y[:, :, h_out, w_out] = np.sqrt((x[:, :, rows, columns] ** 2).sum(axis=(2, 3)))


def backward(dy, x, y, dx, window, stride, padding):
    """dx collects dy x / y of every window that covers a value; a window of zeros has no derivative and gives 0."""
    dx[...] = 0
    scaled = np.where(y == 0, 0, dy / np.where(y == 0, 1, y))
    for h_out, w_out, rows, columns in windows(dx, dy, window, stride, padding):
        dx[:, :, rows, columns] += scaled[:, :, h_out, w_out, np.newaxis, np.newaxis] * x[:, :, rows, columns]
