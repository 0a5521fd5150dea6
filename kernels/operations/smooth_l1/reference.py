"""Smooth L1 loss in NumPy. Source: Zozoulenko (2018), eq. 59; Girshick (2015), eq. 3.

prediction (R, N), target (R, N), weight (R,) -> y (R,), a sum over the N features of each example:

    L(x) = 0.5 x^2 / beta where |x| < beta, |x| - 0.5 beta elsewhere        L'(x) = x / beta, but within -1 and 1

beta = 1 is eq. 59. weight is 1 for the positive anchors of eq. 61 and 0 for all others: these have no true offsets,
so whatever stands in such a row, a NaN included, costs nothing and sends nothing back.
"""

import numpy as np


def forward(prediction, target, weight, y, beta):
    """y[r] = weight[r] sum over i of L(prediction[r,i] - target[r,i])."""
    x = counted(prediction, weight) - counted(target, weight)
    size = np.abs(x)
    L = np.where(size < beta, 0.5 * x**2 / beta, size - 0.5 * beta)
    y[...] = weight * L.sum(axis=1)


def backward(dy, prediction, target, weight, dprediction, beta):
    """dprediction[r,i] = dy[r] weight[r] L'(prediction[r,i] - target[r,i])."""
    x = counted(prediction, weight) - counted(target, weight)
    dprediction[...] = (dy * weight)[:, np.newaxis] * np.clip(x / beta, -1, 1)


def counted(array, weight):
    """The rows with a weight, and zeros in place of the others."""
    return np.where(weight[:, np.newaxis] == 0, 0, array)
