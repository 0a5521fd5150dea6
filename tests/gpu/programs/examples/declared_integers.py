"""A kernel with a signature: Numba passes the lowest bits of integers, whatever they are declared to be."""

import numpy as np
from numba import cuda


@cuda.jit("void(int64[::1], int32, uint32, int8)")
def keep(out, a, b, c):
    out[0], out[1], out[2] = a, b, c


out = np.zeros(3, np.int64)
keep[1, 1](out, 2**32 - 1, -1, 2**31 + 200)
assert out.tolist() == [-1, 2**32 - 1, -56]
keep[1, 1](out, np.int64(-5), np.uint64(2**40 + 3), True)
assert out.tolist() == [-5, 3, 1]
print(out)
