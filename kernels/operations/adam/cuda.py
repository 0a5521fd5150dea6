"""Adam on a GPU, two rungs: every weight is on its own. Source: Kingma and Ba (2015), algorithm 1.

Shapes as in reference.py.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per weight
              2   four weights at once, in a grid-stride loop: 4.0 times fewer instructions

Each value is read once and written once, by neighbours: memory is the limit, if few instructions are spent on the way.
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung, uint32
from kernels.gpu.vectors import (
    ENOUGH,
    blocks_of_fours,
    groups,
    in_fours,
    load_four,
    store_four,
    thread_count,
    thread_number,
)

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


@kernel
def step_fours(dw, rate, norm, w, m, v, beta1, gain1, beta2, gain2, epsilon, decay, *, BLOCK=BLOCK):
    """One thread per four weights, and on by grid strides."""
    delta, weight = cuda.local.array(4, float32), cuda.local.array(4, float32)
    mean, mean_square = cuda.local.array(4, float32), cuda.local.array(4, float32)
    if math.isfinite(norm[0]):
        n = thread_number(BLOCK)
        while n < groups(w):
            load_four(dw, n, delta)
            load_four(w, n, weight)
            load_four(m, n, mean)
            load_four(v, n, mean_square)
            for k in range(4):
                mean[k] = beta1 * mean[k] + gain1 * delta[k]
                mean_square[k] = beta2 * mean_square[k] + gain2 * delta[k] * delta[k]
                m_hat = mean[k] / rate[1]
                v_hat = mean_square[k] / rate[2]
                weight[k] -= rate[0] * (m_hat / (math.sqrt(v_hat) + epsilon) + decay * weight[k])
            store_four(m, n, mean)
            store_four(v, n, mean_square)
            store_four(w, n, weight)
            n = uint32(n + thread_count(BLOCK))


@rung(registers=24, tiny={"BLOCK": 8})
def forward_1(dw, rate, norm, w, m, v, beta1, beta2, epsilon, decay, *, BLOCK=BLOCK):
    """One thread per weight. 1 - beta is taken on the host, before rounding to float32."""
    settings = [float32(setting) for setting in (beta1, 1 - beta1, beta2, 1 - beta2, epsilon, decay)]
    return [step_each(BLOCK=BLOCK)[math.ceil(w.size / BLOCK), BLOCK](dw, rate, norm, w, m, v, *settings)]


@rung(registers=40, tiny={"BLOCK": 8, "ENOUGH": 8})
def forward_2(dw, rate, norm, w, m, v, beta1, beta2, epsilon, decay, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four weights at once: 16 bytes a lane, and one address for four of them. What is not in fours, rung 1 takes.

    By the x-ray: 1.4 times fewer sectors, 1.4 times fewer turns and 4.0 times fewer instructions.
    """
    if not in_fours(dw, w, m, v):
        return forward_1(dw, rate, norm, w, m, v, beta1, beta2, epsilon, decay, BLOCK=BLOCK)
    settings = [float32(setting) for setting in (beta1, 1 - beta1, beta2, 1 - beta2, epsilon, decay)]
    return [step_fours(BLOCK=BLOCK)[blocks_of_fours(w, BLOCK, ENOUGH), BLOCK](dw, rate, norm, w, m, v, *settings)]


forward = Ladder("forward", forward_1, forward_2)
