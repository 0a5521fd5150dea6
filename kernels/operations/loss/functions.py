"""The terms of the losses and their slopes for one float32: the same lines run on a CPU core and in a GPU thread.

Source: Murugan (2017), eq. 2.4-2.9 and 2.14. p is the prediction, t the target.
"""

import math

from kernels.gpu import float32


def squared(p, t):
    return (p - t) * (p - t)


def squared_slope(p, t):
    return float32(2) * (p - t)


def squared_logarithmic(p, t):
    error = math.log1p(p) - math.log1p(t)
    return error * error


def squared_logarithmic_slope(p, t):
    return float32(2) * (math.log1p(p) - math.log1p(t)) / (p + float32(1))


def absolute(p, t):
    return abs(p - t)


def absolute_slope(p, t):
    """The sign of the error; an error of 0, or one that is NaN, stands for itself."""
    error = p - t
    return float32(1) if error > float32(0) else (float32(-1) if error < float32(0) else error)


def percentage(p, t):
    return float32(100) * abs((p - t) / t)


def percentage_slope(p, t):
    error = p - t
    sign = float32(1) if error > float32(0) else (float32(-1) if error < float32(0) else error)
    return float32(100) * sign / abs(t)


def binary_cross_entropy(p, t):
    """-(t log p + (1 - t) log(1 - p)), where 0 log 0 is 0, as is the limit."""
    hit = float32(0) if t == float32(0) else t * math.log(p)
    miss = float32(0) if t == float32(1) else (float32(1) - t) * math.log(float32(1) - p)
    return -(hit + miss)


def binary_cross_entropy_slope(p, t):
    """(1 - t) / (1 - p) - t / p, where 0 / 0 is 0."""
    hit = float32(0) if t == float32(0) else t / p
    miss = float32(0) if t == float32(1) else (float32(1) - t) / (float32(1) - p)
    return miss - hit


FUNCTIONS = {
    "mse": (squared, squared_slope),
    "msle": (squared_logarithmic, squared_logarithmic_slope),
    "l2": (squared, squared_slope),
    "l1": (absolute, absolute_slope),
    "mae": (absolute, absolute_slope),
    "mape": (percentage, percentage_slope),
    "bce": (binary_cross_entropy, binary_cross_entropy_slope),
}


def share(function, N):
    """What a feature counts: 1 / N in a mean, 1 in a sum."""
    return 1 if function in ("l1", "l2") else 1 / N
