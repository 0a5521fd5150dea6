"""An array of the device has no values until somebody writes them."""

import numpy as np
from numba import cuda


@cuda.jit
def add(x, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] += x[i]  # FAULT


x = cuda.to_device(np.ones(10))
out = cuda.device_array(10)  # RIGHT: out = cuda.to_device(np.zeros(10))
add[1, 16](x, out)
