"""Activation functions in NumPy. Source: Zozoulenko (2018), eq. 5-7 and 29-30; Murugan (2017), table 1.

x of any shape -> y of the same. The sigmoid and tanh are written so that no exponential overflows. Murugan's
derivative of the sigmoid, f(1 - f)^2, is a misprint of f(1 - f). The arctan is named in the notes
"Convolutional neural networks and their components", section 2.3, without its derivative.
"""

from collections.abc import Callable

import numpy as np

LEAK = 0.01


def relu(x):
    return np.where(x < 0, 0, x)


def relu_slope(x):
    """1 at 0, by convention: ReLU has no derivative there."""
    return np.where(x < 0, 0, 1)


def leaky_relu(x):
    return np.where(x < 0, LEAK * x, x)


def leaky_relu_slope(x):
    return np.where(x < 0, LEAK, 1)


def sigmoid(x):
    """1 / (1 + e^-x), multiplied by e^x / e^x where x is negative."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def sigmoid_slope(x):
    return sigmoid(x) * sigmoid(-x)  # 1 - f(x) is f(-x), without the cancellation


def tanh_slope(x):
    return 1 - np.tanh(x) ** 2


def arctan_slope(x):
    return 1 / (1 + x**2)


FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    "relu": (relu, relu_slope),
    "leaky_relu": (leaky_relu, leaky_relu_slope),
    "sigmoid": (sigmoid, sigmoid_slope),
    "tanh": (np.tanh, tanh_slope),
    "arctan": (np.arctan, arctan_slope),
}


def forward(x, y, function):
    """y = f(x), value by value (eq. 29)."""
    f, _ = FUNCTIONS[function]
    y[...] = f(x)


def backward(dy, x, dx, function):
    """dx = dy f'(x), value by value (eq. 30)."""
    _, slope = FUNCTIONS[function]
    dx[...] = dy * slope(x)
