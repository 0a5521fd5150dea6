"""Average pooling in NumPy. Source: Murugan (2017), section 2.3; max pooling with a mean for the maximum.

x (R, C, H, W) -> y (R, C, H', W'). Padding counts as zeros, so every window divides by its full size: pooling is
linear, and its backward pass the transposed map. The delta-error of a value is the gradient of the loss with respect to
it.
"""

import numpy as np


def forward(x, y, window, stride, padding):
    """y[r,c,h',w'] = mean over j, i of x[r, c, h's + j - p, w's + i - p]."""
    area = window[0] * window[1]
    for h_out, w_out, rows, columns in windows(x, y, window, stride, padding):
        y[:, :, h_out, w_out] = x[:, :, rows, columns].sum(axis=(2, 3)) / area


def backward(dy, dx, window, stride, padding):
    """dx collects an equal share of the delta-error of every window that covers a value."""
    area = window[0] * window[1]
    dx[...] = 0
    for h_out, w_out, rows, columns in windows(dx, dy, window, stride, padding):
        dx[:, :, rows, columns] += dy[:, :, h_out, w_out, np.newaxis, np.newaxis] / area


def windows(x, y, window, stride, padding):
    """Row and column of each output, and the rows and columns of x that its window covers, without the padding."""
    for h_out, w_out in np.ndindex(y.shape[2:]):
        top, left = h_out * stride[0] - padding[0], w_out * stride[1] - padding[1]
        rows = slice(max(top, 0), min(top + window[0], x.shape[2]))
        columns = slice(max(left, 0), min(left + window[1], x.shape[3]))
        yield h_out, w_out, rows, columns
