"""Reduction in NumPy: the sum, the mean or the norm of all values. x of any shape -> y (1,).

A value that is not finite gives a result that is not finite: the trainer looks at one number to judge millions.
"""

import numpy as np


def forward(x, y, how):
    """y = sum x, (sum x) / n, or the square root of sum x^2."""
    if how == "norm":
        y[0] = np.sqrt(np.sum(x**2))
    else:
        y[0] = np.sum(x) if how == "sum" else np.mean(x)


def backward(dy, x, y, dx, how):
    """dx = dy, dy / n, or dy x / y; the norm has no derivative where it is 0, and 0 stands for it."""
    if how == "sum":
        dx[...] = dy[0]
    elif how == "mean":
        dx[...] = dy[0] / x.size
    else:
        dx[...] = 0 if y[0] == 0 else dy[0] / y[0] * x
