"""Convolution in NumPy. Source: Zozoulenko (2018), eq. 20-28; bias: Murugan (2017), eq. 3.72-3.74.

x (R, C, H, W), w (C', C, kh, kw), b (C',) or None -> y (R, C', H', W'). Output (h', w') stands for the place
(h, w) = (s h', s w') of the padded input (eq. 22-23). Eq. 24 as printed adds h' + j where it must add s h' + j,
and eq. 25-28 inherit that; here the stride is in all of them. Like the source, and like every deep-learning
library, this is cross-correlation: the kernel is not rotated going forward, and therefore is going back.
The delta-error of a value is the gradient of the loss with respect to it.
"""

import numpy as np


def forward(x, w, b, y, stride, padding):
    """y[r,c',h',w'] = b[c'] + sum over c, j, i of x[r, c, s h' + j, s w' + i] w[c',c,j,i] (eq. 24)."""
    x = pad(x, padding)
    y[...] = 0 if b is None else b[:, np.newaxis, np.newaxis]
    for j, i in np.ndindex(w.shape[2:]):
        y += np.einsum("rchw,dc->rdhw", under(x, j, i, y.shape, stride), w[:, :, j, i], optimize=True)


def backward(dy, x, w, dx, dw, db, stride, padding):
    """The delta-errors of x (eq. 26-27), of w (eq. 28) and of b (Murugan, eq. 3.74); None for one not wanted."""
    if dx is not None:
        # dx[r,c,h,w] = sum over c' and all h', w', j, i with s h' + j = h, s w' + i = w of dy[r,c',h',w'] w[c',c,j,i]
        dpadded = pad(np.zeros_like(dx), padding)
        for j, i in np.ndindex(w.shape[2:]):
            covered = under(dpadded, j, i, dy.shape, stride)
            covered += np.einsum("rdhw,dc->rchw", dy, w[:, :, j, i], optimize=True)
        (ph, pw), (H, W) = padding, dx.shape[2:]
        dx[...] = dpadded[:, :, ph : ph + H, pw : pw + W]
    if dw is not None:
        # dw[c',c,j,i] = sum over r, h', w' of x[r, c, s h' + j, s w' + i] dy[r,c',h',w']
        x = pad(x, padding)
        for j, i in np.ndindex(w.shape[2:]):
            dw[:, :, j, i] = np.einsum("rchw,rdhw->dc", under(x, j, i, dy.shape, stride), dy, optimize=True)
    if db is not None:
        # db[c'] = sum over r, h', w' of dy[r,c',h',w']
        db[...] = dy.sum(axis=(0, 2, 3))


def pad(x, padding):
    """x with a frame of zeros, `padding` rows above and below and columns left and right (figure 10)."""
    ph, pw = padding
    return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))


def under(x, j, i, y_shape, stride):
    """What stands under weight (j, i) of each window, x[r,c,sh'+j,sw'+i]: a view (R, C, H', W'), the rows of im2col."""
    (sh, sw), (H_out, W_out) = stride, y_shape[2:]
    return x[:, :, j : j + sh * H_out : sh, i : i + sw * W_out : sw]
