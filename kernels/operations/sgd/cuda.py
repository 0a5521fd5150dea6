"""Stochastic gradient descent on a GPU, one rung: every weight is on its own. Source: Zozoulenko (2018), eq. 11-12.

Shapes as in reference.py.

The rungs:

    forward   1   one thread per weight

Nothing to climb: each weight is read once and written once, by neighbours, and memory is the limit.
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung

BLOCK = 256


@kernel
def step_each(dw, rate, norm, w, velocity, momentum, decay, *, BLOCK=BLOCK):
    """One thread per weight. All threads look at the norm themselves, so that the host never has to wait for it."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < w.size and math.isfinite(norm[0]):
        speed = momentum * velocity[i] + dw[i] + decay * w[i]
        velocity[i] = speed
        w[i] -= rate[0] * speed


@rung(registers=24, tiny={"BLOCK": 8})
def forward_1(dw, rate, norm, w, velocity, momentum, decay, *, BLOCK=BLOCK):
    """One thread per weight: eq. 12 with momentum."""
    launch = step_each(BLOCK=BLOCK)[math.ceil(w.size / BLOCK), BLOCK]
    return [launch(dw, rate, norm, w, velocity, float32(momentum), float32(decay))]


forward = Ladder("forward", forward_1)
