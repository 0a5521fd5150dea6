"""Universal functions of NumPy called in a kernel, on scalars."""

import math

import numpy as np
from numba import cuda


@cuda.jit
def polar(x, y, radius, angle, down):
    i = cuda.grid(1)
    if i < x.size:
        radius[i] = np.hypot(x[i], y[i])
        angle[i] = np.arctan2(y[i], x[i])
        down[i] = math.floor(y[i])


@cuda.jit
def waves(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = np.sin(x[i]) * math.exp(-abs(x[i])) + np.log(1 + x[i] * x[i]) - np.tanh(x[i])


rng = np.random.default_rng(4)
x, y = rng.normal(size=100), rng.normal(size=100)
radius, angle, down, out = (np.zeros(100) for _ in range(4))
polar[2, 64](x, y, radius, angle, down)
assert np.allclose(radius, np.hypot(x, y))
assert np.allclose(angle, np.arctan2(y, x))
assert np.array_equal(down, np.floor(y))
waves[2, 64](x, out)
assert np.allclose(out, np.sin(x) * np.exp(-np.abs(x)) + np.log(1 + x * x) - np.tanh(x))
print("universal functions: 5 of them on 100 numbers")
