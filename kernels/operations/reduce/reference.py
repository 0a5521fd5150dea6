"""Reduction in NumPy: the sum, the mean or the norm of all values. x of any shape -> y (1,).

`count` is the n of a mean where x is a part of what it is the mean of, as of a batch that several devices share: their
parts add up to it. 0 stands for as many as x has.

A value that is not finite gives a result that is not finite: the trainer looks at one number to judge millions.
"""

import numpy as np


def forward(x, y, how, count):
    """y = sum x, (sum x) / n, or the square root of sum x^2."""
    if how == "norm":
        y[0] = np.sqrt(np.sum(x**2))
    else:
        y[0] = np.sum(x) / ((count or x.size) if how == "mean" else 1)


def backward(dy, x, y, dx, how, count):
    """dx = dy, dy / n, or dy x / y; the norm has no derivative where it is 0, and 0 stands for it."""
    if how == "sum":
        dx[...] = dy[0]
    elif how == "mean":
        dx[...] = dy[0] / (count or x.size)
    else:
        dx[...] = 0 if y[0] == 0 else dy[0] / y[0] * x
