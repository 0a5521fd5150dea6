"""Device functions: with two results, with a signature, and one made by a function."""

import numpy as np
from numba import cuda, float64


@cuda.jit(device=True)
def roots(a, b, c):
    middle = -b / (2 * a)
    apart = (b * b - 4 * a * c) ** 0.5 / (2 * a)
    return middle - apart, middle + apart


@cuda.jit("float64(float64, float64)", device=True)
def distance(a, b):
    return abs(a - b)


def power(n):
    @cuda.jit(device=True, inline="always")
    def raised(x):
        y = float64(1)
        for _ in range(n):
            y *= x
        return y

    return raised


cube = power(3)


@cuda.jit
def solve(b, low, high, gap, cubed):
    i = cuda.grid(1)
    if i < b.size:
        first, second = roots(1.0, b[i], -2.0)
        low[i] = first
        high[i] = second
        gap[i] = distance(first, second)
        cubed[i] = cube(b[i])


b = np.linspace(-3, 3, 40)
low, high, gap, cubed = (np.zeros_like(b) for _ in range(4))
solve[2, 32](b, low, high, gap, cubed)
assert np.allclose(low**2 + b * low, 2)
assert np.allclose(high**2 + b * high, 2)
assert np.allclose(gap, high - low)
assert np.allclose(cubed, b**3)
print("device functions: roots of 40 polynomials")
