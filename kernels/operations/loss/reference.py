"""Losses in NumPy. Source: Zozoulenko (2018), eq. 8 and 16; Murugan (2017), eq. 2.4-2.9 and 2.14.

prediction (R, N), target (R, N) -> y (R,): for each example the mean over its N features, for l1 and l2 the sum.
The mean of y over the batch is Zozoulenko's eq. 8.

    mse   mean squared error, eq. 2.4           l1    sum of absolute errors, eq. 2.7
    msle  the same of logarithms, eq. 2.5       mae   mean absolute error, eq. 2.8
    l2    sum of squared errors, eq. 2.6        mape  mean absolute error in percent of the target, eq. 2.9
    bce   binary cross entropy of probabilities, eq. 2.14

Eq. 2.5 is misprinted: both logarithms are of 1 + value, so that a perfect prediction costs nothing. msle wants
values above -1, mape no target that is 0, bce values from 0 to 1. Where an absolute error is 0 it has no
derivative, and 0 stands for it.
"""

from collections.abc import Callable

import numpy as np


def squared(p, t):
    return (t - p) ** 2


def squared_slope(p, t):
    return 2 * (p - t)


def squared_logarithmic(p, t):
    return (np.log(t + 1) - np.log(p + 1)) ** 2


def squared_logarithmic_slope(p, t):
    return 2 * (np.log(p + 1) - np.log(t + 1)) / (p + 1)


def absolute(p, t):
    return np.abs(t - p)


def absolute_slope(p, t):
    return np.sign(p - t)


def percentage(p, t):
    return np.abs((t - p) / t) * 100


def percentage_slope(p, t):
    return np.sign(p - t) / np.abs(t) * 100


def binary_cross_entropy(p, t):
    return -(times_log(t, p) + times_log(1 - t, 1 - p))


def binary_cross_entropy_slope(p, t):
    return over(1 - t, 1 - p) - over(t, p)


def times_log(weight, p):
    """weight log p, and 0 where both are 0, as is the limit. A NaN stays."""
    absent = (weight == 0) & ~np.isnan(p)
    return np.where(absent, 0, weight * np.log(np.where(absent, 1, p)))


def over(weight, p):
    """weight / p, the derivative of weight log p, and 0 where weight is 0."""
    absent = (weight == 0) & ~np.isnan(p)
    return np.where(absent, 0, weight / np.where(absent, 1, p))


FUNCTIONS: dict[str, tuple[Callable, Callable, Callable]] = {
    "mse": (squared, squared_slope, np.mean),
    "msle": (squared_logarithmic, squared_logarithmic_slope, np.mean),
    "l2": (squared, squared_slope, np.sum),
    "l1": (absolute, absolute_slope, np.sum),
    "mae": (absolute, absolute_slope, np.mean),
    "mape": (percentage, percentage_slope, np.mean),
    "bce": (binary_cross_entropy, binary_cross_entropy_slope, np.mean),
}


def forward(prediction, target, y, function):
    """y[r] = mean, or sum, over i of the term of prediction[r,i] and target[r,i]."""
    term, _, collect = FUNCTIONS[function]
    y[...] = collect(term(prediction, target), axis=1)


def backward(dy, prediction, target, dprediction, function):
    """dprediction[r,i] = dy[r] times the slope of its term, times 1 / N for a mean (eq. 16)."""
    _, slope, collect = FUNCTIONS[function]
    share = 1 / prediction.shape[1] if collect is np.mean else 1
    dprediction[...] = dy[:, np.newaxis] * share * slope(prediction, target)
