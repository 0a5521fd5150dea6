"""Shared memory whose size the launch says, of two arrays one after the other; more of it than 48 KiB as well."""

import numpy as np
from numba import cuda, float32, int32


@cuda.jit
def sort_into(x, keys, out):
    values = cuda.shared.array(0, float32)[: cuda.blockDim.x]
    order = cuda.shared.array(0, int32)[cuda.blockDim.x : 2 * cuda.blockDim.x]
    i = cuda.threadIdx.x
    values[i] = x[i]
    order[i] = keys[i]
    cuda.syncthreads()
    out[order[i]] = values[i]


@cuda.jit
def reverse(x):
    values = cuda.shared.array(0, float32)
    i = cuda.threadIdx.x
    for k in range(i, x.size, cuda.blockDim.x):
        values[k] = x[k]
    cuda.syncthreads()
    for k in range(i, x.size, cuda.blockDim.x):
        x[k] = values[x.size - 1 - k]


rng = np.random.default_rng(14)
x, keys = rng.random(50, np.float32), rng.permutation(50).astype(np.int32)
out = np.zeros_like(x)
sort_into[1, 50, 0, 50 * 8](x, keys, out)
assert np.array_equal(out[keys], x)
for count in (10, 200):
    x = rng.random(count, np.float32)
    given = x.copy()
    reverse[1, 32, 0, given.nbytes](given)
    assert np.array_equal(given, x[::-1])
print("dynamic shared memory: 40, 400 and 800 bytes")
