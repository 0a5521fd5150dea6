"""Elements and parts of device arrays, set and read on the host between launches."""

import numpy as np
from numba import cuda


@cuda.jit
def double(x):
    i, j = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        x[i, j] *= 2


x = cuda.to_device(np.ones((3, 4)))
x[0, 0] = 5
double[1, (4, 4)](x)
x[0, 0] += 0
x[1] = np.arange(4.0)
x[2, 1:3] = -1
double[1, (4, 4)](x)
assert x[0, 0] == 20
assert np.array_equal(x.copy_to_host(), [[20, 4, 4, 4], [0, 2, 4, 6], [4, -2, -2, 4]])
fresh = cuda.device_array(2)
fresh[0] = 3
assert fresh[0] == 3
print("assignments:", x.copy_to_host().sum())
