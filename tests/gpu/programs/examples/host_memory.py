"""Memory of the host that a kernel sees: pinned, mapped and managed."""

import numpy as np
from numba import cuda


@cuda.jit
def double(x, out):
    i = cuda.grid(1)
    if i < x.size:
        out[i] = x[i] * 2


x = np.arange(64, dtype=np.int32)
with cuda.pinned(x):
    d_x = cuda.to_device(x, stream=cuda.stream())
out = cuda.pinned_array(64, np.int32)
double[2, 32](d_x, out)
assert np.array_equal(out, 2 * x)

mapped = cuda.mapped_array(64, np.int32)
mapped[:] = x
double[2, 32](mapped, mapped)
cuda.synchronize()
assert np.array_equal(mapped, 2 * x)

with cuda.mapped(x) as m:
    double[2, 32](m, m)
    cuda.synchronize()
assert np.array_equal(x, 2 * np.arange(64))

managed = cuda.managed_array(64, np.int32)
managed[:] = 7
double[2, 32](managed, managed)
cuda.synchronize()
assert (managed == 14).all()
print("host memory: pinned, mapped and managed")
