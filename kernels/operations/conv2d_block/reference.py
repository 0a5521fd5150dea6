"""Convolution, normalization by running averages and ReLU in NumPy: the three references one after the other.

x (R, C, H, W), w (C', C, kh, kw), the others (C',) -> y
(R, C', H', W').
"""

import numpy as np

from kernels.operations.activation import reference as activation
from kernels.operations.batchnorm import reference as batchnorm
from kernels.operations.conv2d import reference as conv2d


def forward(x, w, b, gamma, beta, running_mean, running_var, y, stride, padding, epsilon, function, order):
    """y = f(gamma (x * w + b - running_mean) / sqrt(running_var + epsilon) + beta), or f before it."""

    def normalize():
        if gamma is not None:
            mean, inverse_std = np.empty((2, len(gamma)), y.dtype), np.empty(len(gamma), y.dtype)
            state = running_mean, running_var
            batchnorm.forward(y.copy(), gamma, beta, *state, y, mean, inverse_std, epsilon, momentum=0, training=False)

    def apply():
        if function != "none":
            activation.forward(y.copy(), y, function)

    conv2d.forward(x, w, b, y, stride, padding)
    for step in (normalize, apply) if order == "normalization first" else (apply, normalize):
        step()
