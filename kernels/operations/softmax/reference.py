"""Softmax in NumPy. Source: Zozoulenko (2018), eq. 54-55.

x (R, C) -> y (R, C). Both halves of the fraction in eq. 54 are divided by e to the row's largest value, which changes
nothing but keeps the exponentials finite. The delta-error of a value is the gradient of the loss with respect to it.
The last lines of eq. 55 lost an index: the delta-error inside the sum is that of c', so it cannot be drawn out of it.
What stands here is the sum as its second line means it.
"""

import numpy as np


def forward(x, y):
    """y[r,c] = e^x[r,c] / sum over c' of e^x[r,c'] (eq. 54)."""
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    y[...] = exponentials / exponentials.sum(axis=1, keepdims=True)


def backward(dy, y, dx):
    """dx[r,c] = y[r,c] (dy[r,c] - sum over c' of dy[r,c'] y[r,c']) (eq. 55, corrected)."""
    dx[...] = y * (dy - (dy * y).sum(axis=1, keepdims=True))
