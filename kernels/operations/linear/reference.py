"""Linear layer in NumPy. Source: Zozoulenko (2018), eq. 1, 3, 15, 17, 18.

x (R, N), w (M, N), b (M,) or None -> y (R, M). The weight W[i,j] of eq. 1, from input i to output j, stands at w[j,i],
a row for each output, as the source says beside eq. 3 and as PyTorch has it; so eq. 3 is x wT. The one bias per layer
of eq. 1 is one per output here. The factor f' of eq. 15, 17 and 18 belongs to the activation.
The delta-error of a value is the gradient of the loss with respect to it.
"""

import numpy as np


def forward(x, w, b, y):
    """y[r,j] = b[j] + sum over i of x[r,i] w[j,i] (eq. 1)."""
    y[...] = np.einsum("ri,ji->rj", x, w)
    if b is not None:
        y += b


def backward(dy, x, w, dx, dw, db):
    """The delta-errors of the input (eq. 15), the weights (eq. 17) and the biases (eq. 18)."""
    if dx is not None:
        dx[...] = np.einsum("rj,ji->ri", dy, w)
    if dw is not None:
        dw[...] = np.einsum("ri,rj->ji", x, dy)
    if db is not None:
        db[...] = np.einsum("rj->j", dy)
