"""Monte Carlo integration with a generator of random numbers for each thread."""

import math

import numpy as np
from numba import cuda
from numba.cuda.random import create_xoroshiro128p_states, xoroshiro128p_uniform_float32

nsamples = 2048


@cuda.jit
def integrate(out, states):
    i = cuda.grid(1)
    total = np.float32(0)
    for _ in range(nsamples // out.size):
        x = xoroshiro128p_uniform_float32(states, i)
        total += math.sqrt(1 - x * x)
    out[i] = total


out = cuda.device_array(64, np.float32)
integrate[2, 32](out, create_xoroshiro128p_states(64, seed=42))
pi = 4 * out.copy_to_host().sum() / nsamples
assert abs(pi - math.pi) < 0.1

again = cuda.device_array(64, np.float32)
integrate[2, 32](again, create_xoroshiro128p_states(64, seed=42))
assert np.array_equal(out.copy_to_host(), again.copy_to_host())
print(f"monte carlo: pi is about {pi:.2f}")
