"""@cuda.reduce: a function of two becomes one of many."""

import numpy as np
from numba import cuda


@cuda.reduce
def total(a, b):
    return a + b


@cuda.reduce
def largest(a, b):
    return max(a, b)


x = np.random.default_rng(12).integers(-1000, 1000, 777).astype(np.float64)
assert total(x) == x.sum()
assert total(x, init=10.0) == 10 + x.sum()
assert largest(cuda.to_device(x), init=x[0]) == x.max()
result = cuda.device_array(1, np.float64)
total(x, res=result)
assert result.copy_to_host()[0] == x.sum()
print("reduce:", total(x))
