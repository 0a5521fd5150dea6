"""Adam on a GPU, one rung: every weight is on its own. Source: Kingma and Ba (2015), algorithm 1.

Shapes as in reference.py.

The rungs:

    forward   1   one thread per weight

Nothing to climb: each weight is read once and written once, by neighbours, and memory is the limit.
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung

BLOCK = 256


@kernel
def step_each(dw, rate, norm, w, m, v, beta1, gain1, beta2, gain2, epsilon, decay, *, BLOCK=BLOCK):
    """One thread per weight. All threads look at the norm themselves, so that the host never has to wait for it."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < w.size and math.isfinite(norm[0]):
        mean = beta1 * m[i] + gain1 * dw[i]
        mean_square = beta2 * v[i] + gain2 * dw[i] * dw[i]
        m[i] = mean
        v[i] = mean_square
        m_hat = mean / rate[1]
        v_hat = mean_square / rate[2]
        w[i] -= rate[0] * (m_hat / (math.sqrt(v_hat) + epsilon) + decay * w[i])


@rung(registers=24, tiny={"BLOCK": 8})
def forward_1(dw, rate, norm, w, m, v, beta1, beta2, epsilon, decay, *, BLOCK=BLOCK):
    """One thread per weight. 1 - beta is taken on the host, before rounding to float32."""
    settings = [float32(setting) for setting in (beta1, 1 - beta1, beta2, 1 - beta2, epsilon, decay)]
    return [step_each(BLOCK=BLOCK)[math.ceil(w.size / BLOCK), BLOCK](dw, rate, norm, w, m, v, *settings)]


forward = Ladder("forward", forward_1)
