"""Upsampling on CPU cores: each core takes whole channels. Source: Lin et al. (2017), Feature Pyramid Networks.

Shapes as in reference.py. A channel belongs to one core, forward and backward, so sums have one order. Where a row or
column takes its values from is worked out once, ahead of all channels.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@checked
def forward(x, y, size, mode):
    """y[r,c,h',w'] = the nearest of x, or the mean of four by their shares."""
    if mode == "nearest":
        forward_nearest(x, y, taken(x.shape[2], size[0]), taken(x.shape[3], size[1]))
    else:
        forward_bilinear(x, y, *between(x.shape[2], size[0]), *between(x.shape[3], size[1]))


@checked
def backward(dy, dx, size, mode):
    """Add each delta-error to the inputs that its output took, by their shares."""
    if mode == "nearest":
        backward_nearest(dy, dx, taken(dx.shape[2], size[0]), taken(dx.shape[3], size[1]))
    else:
        backward_bilinear(dy, dx, *between(dx.shape[2], size[0]), *between(dx.shape[3], size[1]))


def taken(H, H_out):
    """The row that each output takes."""
    return np.arange(H_out) * H // H_out


def between(H, H_out):
    """The two rows between which each output lies, and the share of the second. Integers keep the positions exact."""
    position = np.maximum((2 * np.arange(H_out) + 1) * H - H_out, 0)  # in units of 1 / (2 H_out) of a row
    h, rest = np.divmod(position, 2 * H_out)
    return h, np.minimum(h + 1, H - 1), (rest / (2 * H_out)).astype(np.float32)


@njit(parallel=True, cache=True)
def forward_nearest(x, y, rows, columns):
    """Copy value by value; a row that is the one above again as a whole."""
    R, C = x.shape[:2]
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        for h_out in range(y.shape[2]):
            h = rows[h_out]
            if h_out > 0 and h == rows[h_out - 1]:
                y[r, c, h_out] = y[r, c, h_out - 1]
                continue
            for w_out in range(y.shape[3]):
                y[r, c, h_out, w_out] = x[r, c, h, columns[w_out]]


@njit(parallel=True, cache=True)
def backward_nearest(dy, dx, rows, columns):
    """Add each delta-error to the value that was copied."""
    R, C = dx.shape[:2]
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        dx[r, c] = 0
        for h_out in range(dy.shape[2]):
            h = rows[h_out]
            for w_out in range(dy.shape[3]):
                dx[r, c, h, columns[w_out]] += dy[r, c, h_out, w_out]


@njit(parallel=True, cache=True)
def forward_bilinear(x, y, above, below, share_below, left, right, share_right):
    """The mean of the values left and right, above and below; then the mean of these two."""
    R, C = x.shape[:2]
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        for h_out in range(y.shape[2]):
            up, down = above[h_out], below[h_out]
            share_down = share_below[h_out]
            share_up = np.float32(1) - share_down
            for w_out in range(y.shape[3]):
                w, w_next = left[w_out], right[w_out]
                share_next = share_right[w_out]
                share = np.float32(1) - share_next
                y[r, c, h_out, w_out] = share_up * (share * x[r, c, up, w] + share_next * x[r, c, up, w_next]) + (
                    share_down * (share * x[r, c, down, w] + share_next * x[r, c, down, w_next])
                )


@njit(parallel=True, cache=True)
def backward_bilinear(dy, dx, above, below, share_below, left, right, share_right):
    """Add its shares of each delta-error to the four values."""
    R, C = dx.shape[:2]
    for rc in prange(R * C):
        r, c = rc // C, rc % C
        dx[r, c] = 0
        for h_out in range(dy.shape[2]):
            up, down = above[h_out], below[h_out]
            share_down = share_below[h_out]
            share_up = np.float32(1) - share_down
            for w_out in range(dy.shape[3]):
                w, w_next = left[w_out], right[w_out]
                share_next = share_right[w_out]
                share = np.float32(1) - share_next
                d_up = share_up * dy[r, c, h_out, w_out]
                d_down = share_down * dy[r, c, h_out, w_out]
                dx[r, c, up, w] += share * d_up
                dx[r, c, up, w_next] += share_next * d_up
                dx[r, c, down, w] += share * d_down
                dx[r, c, down, w_next] += share_next * d_down
