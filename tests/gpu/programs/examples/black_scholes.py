"""Prices of options by Black and Scholes, with @vectorize for the GPU."""

import math

import numpy as np
from numba import cuda, vectorize


@cuda.jit(device=True, inline=True)
def cumulative(d):
    k = 1.0 / (1.0 + 0.2316419 * math.fabs(d))
    series = k * (0.31938153 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    value = 0.39894228040143267794 * math.exp(-0.5 * d * d) * series
    return 1.0 - value if d > 0 else value


@vectorize(["float64(float64, float64, float64, float64, float64)"], target="cuda")
def call_price(price, strike, years, rate, volatility):
    root = math.sqrt(years)
    d1 = (math.log(price / strike) + (rate + 0.5 * volatility * volatility) * years) / (volatility * root)
    d2 = d1 - volatility * root
    return price * cumulative(d1) - strike * math.exp(-rate * years) * cumulative(d2)


rng = np.random.default_rng(10)
price, strike, years = rng.uniform(5, 30, 100), rng.uniform(1, 100, 100), rng.uniform(0.25, 10, 100)
found = call_price(price, strike, years, 0.02, 0.3)

d1 = (np.log(price / strike) + 0.065 * years) / (0.3 * np.sqrt(years))
normal = np.vectorize(lambda d: 0.5 * math.erfc(-d / math.sqrt(2)))
expected = price * normal(d1) - strike * np.exp(-0.02 * years) * normal(d1 - 0.3 * np.sqrt(years))
assert np.allclose(found, expected, atol=1e-4)
on_device = call_price(cuda.to_device(price), cuda.to_device(strike), cuda.to_device(years), 0.02, 0.3)
assert np.array_equal(on_device.copy_to_host(), found)
print(f"black-scholes: 100 calls, {found.mean():.2f} on average")
