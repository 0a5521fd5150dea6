"""Activation functions and their slopes for one float32: the same lines run on a CPU core and in a GPU thread.

Source: Zozoulenko (2018), eq. 5-7; Murugan (2017), table 1. Comparisons are with x < 0, so that a NaN passes.
"""

import math

from kernels.gpu import float32

LEAK = 0.01


def relu(x):
    return float32(0) if x < float32(0) else x


def relu_slope(x):
    return float32(0) if x < float32(0) else float32(1)


def leaky_relu(x):
    return float32(LEAK) * x if x < float32(0) else x


def leaky_relu_slope(x):
    return float32(LEAK) if x < float32(0) else float32(1)


def sigmoid(x):
    """1 / (1 + e^-x), with an exponent that is never positive and so never overflows."""
    e = math.exp(-abs(x))
    return (e if x < float32(0) else float32(1)) / (float32(1) + e)


def sigmoid_slope(x):
    """f (1 - f) = e^-x / (1 + e^-x)^2, which is the same for x and -x."""
    e = math.exp(-abs(x))
    return e / ((float32(1) + e) * (float32(1) + e))


def tanh(x):
    return math.tanh(x)


def tanh_slope(x):
    """1 - f^2 without its cancellation for large x: tanh(x) is 2 sigmoid(2x) - 1."""
    e = math.exp(float32(-2) * abs(x))
    return float32(4) * e / ((float32(1) + e) * (float32(1) + e))


def arctan(x):
    return math.atan(x)


def arctan_slope(x):
    return float32(1) / (float32(1) + x * x)


FUNCTIONS = {
    "relu": (relu, relu_slope),
    "leaky_relu": (leaky_relu, leaky_relu_slope),
    "sigmoid": (sigmoid, sigmoid_slope),
    "tanh": (tanh, tanh_slope),
    "arctan": (arctan, arctan_slope),
}
