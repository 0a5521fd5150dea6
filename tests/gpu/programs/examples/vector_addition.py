"""Vector addition: arrays of the host, arrays of the device, an eager signature, forall and a grid-stride loop."""

import numpy as np
from numba import cuda


@cuda.jit
def add(x, y, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = x[i] + y[i]


@cuda.jit("void(float32[:], float32[:], float32[:])")
def add_eager(x, y, out):
    for i in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        out[i] = x[i] + y[i]


n = 1000
rng = np.random.default_rng(1)
x, y = rng.random(n, np.float32), rng.random(n, np.float32)

out = np.zeros_like(x)
add[8, 128](x, y, out)
assert np.array_equal(out, x + y)

d_x, d_y = cuda.to_device(x), cuda.to_device(y)
d_out = cuda.device_array_like(d_x)
add.forall(n)(d_x, d_y, d_out)
assert np.array_equal(d_out.copy_to_host(), x + y)

d_out = cuda.device_array(n, np.float32)
add_eager[2, 64](d_x, d_y, d_out)
cuda.synchronize()
assert np.array_equal(d_out.copy_to_host(), x + y)
print(f"vector addition: {n} sums, three ways")
