"""Gradient descent of your own in the place of this project's: Zozoulenko (2018), eq. 11-12, with momentum."""

import math

from kernels.gpu import cuda, float32, kernel

BLOCK = 64


@kernel
def step(dw, rate, norm, w, velocity, momentum, decay):
    """One thread per weight. If the norm of the gradient is not finite, nothing is changed."""
    ...  # as in `momentum`; and not at all where norm[0] is not finite


def forward(dw, rate, norm, w, velocity, momentum, decay):
    return [step[-(-w.size // BLOCK), BLOCK](dw, rate, norm, w, velocity, float32(momentum), float32(decay))]
