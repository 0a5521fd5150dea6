"""Stochastic gradient descent on CPU cores. Source: Zozoulenko (2018), eq. 11-12. Shapes as in reference.py."""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@njit(parallel=True, cache=True)
def step(dw, rate, w, velocity, momentum, decay):
    for i in prange(w.size):
        velocity[i] = momentum * velocity[i] + dw[i] + decay * w[i]
        w[i] -= rate * velocity[i]


@checked
def forward(dw, rate, norm, w, velocity, momentum, decay):
    """One step, unless the norm of the gradient is not finite."""
    if np.isfinite(norm[0]):
        step(dw, rate[0], w, velocity, np.float32(momentum), np.float32(decay))
