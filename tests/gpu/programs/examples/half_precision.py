"""Numbers of 16 bits: functions of cuda.fp16, and those of math that Numba has for them."""

import math

import numpy as np
from numba import cuda


@cuda.jit
def evaluate(x, y, z):
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        y[0, i], y[1, i], y[2, i] = cuda.fp16.hsin(v), cuda.fp16.hcos(v), cuda.fp16.hexp(v)
        y[3, i], y[4, i], y[5, i] = cuda.fp16.hlog(v), cuda.fp16.hlog2(v), cuda.fp16.hexp2(v)
        y[6, i], y[7, i], y[8, i] = cuda.fp16.hsqrt(v), cuda.fp16.hrsqrt(v), cuda.fp16.hrcp(v)
        y[9, i], y[10, i], y[11, i] = math.sin(v), math.exp(v), math.sqrt(v)
        z[0, i], z[1, i], z[2, i] = cuda.fp16.hfloor(v), cuda.fp16.hceil(v), cuda.fp16.hrint(v)
        z[3, i], z[4, i], z[5, i] = cuda.fp16.htrunc(v), math.floor(v), cuda.fp16.hne(v, x[0])


x = np.linspace(0.1, 4, 40).astype(np.float16)
y, z = np.zeros((12, x.size), np.float16), np.zeros((6, x.size), np.float16)
evaluate[2, 32](x, y, z)
wide = x.astype(np.float64)
root = np.sqrt(wide)
functions = [np.sin, np.cos, np.exp, np.log, np.log2, np.exp2, np.sqrt]
wanted = [*(function(wide) for function in functions), 1 / root, 1 / wide, np.sin(wide), np.exp(wide), root]
assert np.allclose(y, wanted, rtol=2e-3, atol=1e-3)
assert np.array_equal(z, [np.floor(x), np.ceil(x), np.rint(x), np.trunc(x), np.floor(x), x != x[0]])
print(y[:, 0])
