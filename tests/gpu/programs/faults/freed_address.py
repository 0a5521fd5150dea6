"""A kernel is given an address as C has it, of an array that lives no more."""

import numpy as np
from numba import cuda
from numba.cuda import types


@cuda.jit(types.void(types.CPointer(types.float64), types.int32))
def double(x, count):
    i = cuda.grid(1)
    if i < count:
        x[i] = 2 * x[i]  # FAULT


x = cuda.to_device(np.ones(16))
address = x.__cuda_array_interface__["data"][0]
x = None  # RIGHT: pass
cuda.current_context().memory_manager.deallocations.clear()
double[1, 32](address, 16)
