"""Resizing in NumPy. Source: Heckbert (1989): the filter grows where the picture shrinks.

x (R, C, H, W) -> y (R, C, H', W'), where any size H', W' will do. Row h' of y has its middle at (h' + 1/2) H / H' of x,
whose row h has it at h + 1/2. The share of row h in row h' falls with the distance of their middles, as a triangle that
reaches max(1, H / H') rows far:

    share[h', h] ~ max(0, 1 - |h + 1/2 - (h' + 1/2) H / H'| / max(1, H / H')),  so that the sum over h is 1

and columns are alike. Where a picture grows, these are the two rows around, as in bilinear upsampling; where it
shrinks, all that lie within one output row of the middle. Pillow's BILINEAR and PyTorch's `antialias=True` do so too.
"""

import numpy as np


def forward(x, y, size):
    """y[r,c,h',w'] = sum over h, w of share[h',h] share[w',w] x[r,c,h,w], over those that have one."""
    rows, columns = shares(x.shape[2], y.shape[2]), shares(x.shape[3], y.shape[3])
    for h_out, w_out in np.ndindex(y.shape[2:]):
        h, w = np.flatnonzero(rows[h_out]), np.flatnonzero(columns[w_out])
        under = x[:, :, h[:, np.newaxis], w]
        y[:, :, h_out, w_out] = np.einsum("h,w,rchw->rc", rows[h_out, h], columns[w_out, w], under)


def shares(H, H_out):
    """share[h', h]. Multiplied by 2 H', distances are integers, and a share is 0 where it should be."""
    h_out, h = np.ogrid[:H_out, :H]
    distance = np.abs((2 * h + 1) * H_out - (2 * h_out + 1) * H)
    triangle = np.maximum(0, 1 - distance / (2 * max(H, H_out)))
    return triangle / triangle.sum(axis=1, keepdims=True)
