"""Softmax and cross entropy in one, in NumPy. Source: Zozoulenko (2018), eq. 54-57.

x (R, C), target (R, C) -> y (R,) and p (R, C), the probabilities. Eq. 54 put into eq. 56: the logarithm of the
fraction is a difference, so no probability that rounds to 0 is ever divided by or taken the logarithm of.
"""

import numpy as np


def forward(x, target, y, p):
    """y[r] = sum over c of target[r,c] (log sum over c' of e^x[r,c'] - x[r,c]), x shifted by its largest value."""
    shifted = x - x.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=1, keepdims=True)
    p[...] = exponentials / total
    # A class without target adds nothing, even where 0 would meet an infinite distance.
    y[...] = np.where(target == 0, 0, target * (np.log(total) - shifted)).sum(axis=1) + 0 * total[:, 0]


def backward(dy, target, p, dx):
    """dx[r,c] = dy[r] (p[r,c] sum over c' of target[r,c'] - target[r,c]): eq. 57 put into eq. 55."""
    dx[...] = dy[:, np.newaxis] * (p * target.sum(axis=1, keepdims=True) - target)
