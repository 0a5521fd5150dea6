"""A view made of an address does not hold the array that owns the memory."""

import numpy as np
from numba import cuda


@cuda.jit
def double(x):
    i = cuda.grid(1)
    if i < x.size:
        x[i] *= 2


x = cuda.to_device(np.ones(16))
view = cuda.from_cuda_array_interface(x.__cuda_array_interface__)
del x  # RIGHT: pass
double[1, 32](view)  # FAULT
