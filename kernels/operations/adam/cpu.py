"""Adam on CPU cores. Source: Kingma and Ba (2015), algorithm 1. Shapes as in reference.py."""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked


@njit(parallel=True, cache=True, error_model="numpy")
def step(dw, rate, w, m, v, beta1, gain1, beta2, gain2, epsilon, decay):
    for i in prange(w.size):
        m[i] = beta1 * m[i] + gain1 * dw[i]
        v[i] = beta2 * v[i] + gain2 * dw[i] * dw[i]
        m_hat = m[i] / rate[1]
        v_hat = v[i] / rate[2]
        w[i] -= rate[0] * (m_hat / (np.sqrt(v_hat) + epsilon) + decay * w[i])


@checked
def forward(dw, rate, norm, w, m, v, beta1, beta2, epsilon, decay):
    """One step, unless the norm of the gradient is not finite. 1 - beta is taken before rounding to float32."""
    if np.isfinite(norm[0]):
        settings = (beta1, 1 - beta1, beta2, 1 - beta2, epsilon, decay)
        step(dw, rate, w, m, v, *(np.float32(setting) for setting in settings))
