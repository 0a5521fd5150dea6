"""A kernel that takes the address of memory, as C does, with a signature that says so."""

import numpy as np
from numba import cuda
from numba.cuda import types


@cuda.jit(types.void(types.CPointer(types.uint8), types.uint32))
def add_one(x, n):
    i = cuda.grid(1)
    if i < n:
        x[i] += 1


x = cuda.to_device(np.arange(20, dtype=np.uint8))
add_one[1, 32](x.__cuda_array_interface__["data"][0], 20)
assert np.array_equal(x.copy_to_host(), 1 + np.arange(20))
print("pointers: 20 bytes")
