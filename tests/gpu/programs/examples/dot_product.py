"""A dot product: lanes of a warp add up by shuffles, warps through shared memory, blocks by an atomic."""

import numpy as np
from numba import cuda, float64


@cuda.jit
def dot(x, y, out):
    of_warps = cuda.shared.array(4, float64)
    lane, warp = cuda.threadIdx.x % 32, cuda.threadIdx.x // 32
    total = 0.0
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        total += x[i] * y[i]
    offset = 16
    while offset:
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, offset)
        offset >>= 1
    if lane == 0:
        of_warps[warp] = total
    cuda.syncthreads()
    if warp == 0:
        total = of_warps[lane] if lane < cuda.blockDim.x // 32 else 0.0
        for distance in (2, 1):
            total += cuda.shfl_xor_sync(0xFFFFFFFF, total, distance)
        if lane == 0:
            cuda.atomic.add(out, 0, total)


rng = np.random.default_rng(13)
x, y = rng.random(999), rng.random(999)
out = np.zeros(1)
dot[3, 128](x, y, out)
assert np.isclose(out[0], x @ y)
print(f"dot product: {out[0]:.3f}")
