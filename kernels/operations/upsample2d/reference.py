"""Upsampling in NumPy. Source: Lin et al. (2017), Feature Pyramid Networks; Zozoulenko (2018), section 3.3.2.

x (R, C, H, W) -> y (R, C, H', W'), where any size H', W' will do, a smaller one too. Rows and columns are alike:

    nearest   row h' of y is row floor(h' H / H') of x
    bilinear  row h' of y has its middle at (h' + 1/2) H / H' of x, whose row h has it at h + 1/2. So it lies at
              s = (h' + 1/2) H / H' - 1/2, between the rows floor(s) and floor(s) + 1, of which it takes the shares
              1 - (s - floor(s)) and s - floor(s). Beyond the first or last row there is only that row

floor(h' H / H') is meant exactly. PyTorch multiplies by H / H' as a float32, which now and then, as from 2 rows to 82,
takes the row before.

An output is a sum of inputs times shares; backward hands its delta-error (the gradient of the loss with respect to it)
to the same inputs by the same shares, which makes it the adjoint.
"""

import numpy as np


def forward(x, y, size, mode):
    """y[r,c,h',w'] = sum over the rows h of h' and columns w of w' of share[h] share[w] x[r,c,h,w]."""
    y[...] = 0
    for rows, columns, share in corners(x.shape[2:], size, mode):
        y += share * x[:, :, rows, columns]


def backward(dy, dx, size, mode):
    """dx[r,c,h,w] = sum over the rows h' and columns w' that took from h and w of share[h] share[w] dy[r,c,h',w']."""
    R, C = dx.shape[:2]
    r, c = np.ogrid[:R, :C]
    dx[...] = 0
    for rows, columns, share in corners(dx.shape[2:], size, mode):
        np.add.at(dx, (r[..., None, None], c[..., None, None], rows, columns), share * dy)


def corners(size, size_out, mode):
    """The one input that each output takes, or the four, as arrays (H', 1), (1, W') and (H', W'): h, w and share."""
    vertical, horizontal = (TAKEN[mode](*sizes) for sizes in zip(size, size_out, strict=True))
    for h, share_h in vertical:
        for w, share_w in horizontal:
            yield h[:, np.newaxis], w[np.newaxis], np.outer(share_h, share_w)


def nearest(H, H_out):
    """The row that each output takes, as a whole."""
    return [(np.arange(H_out) * H // H_out, np.ones(H_out))]


def bilinear(H, H_out):
    """The two rows between which each output lies, and their shares."""
    s = np.maximum((np.arange(H_out) + 0.5) * H / H_out - 0.5, 0)
    h = s.astype(int)
    return [(h, 1 - (s - h)), (np.minimum(h + 1, H - 1), s - h)]


TAKEN = {"nearest": nearest, "bilinear": bilinear}
