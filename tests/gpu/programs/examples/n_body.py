"""Bodies that attract each other: positions are read in tiles through shared memory."""

import math

import numpy as np
from numba import cuda, float32

THREADS = 32


@cuda.jit(device=True)
def pull(dx, dy, dz, mass):
    square = dx * dx + dy * dy + dz * dz + float32(1e-2)
    return mass / (square * math.sqrt(square))


@cuda.jit
def accelerations(bodies, out):
    tile = cuda.shared.array((THREADS, 4), float32)
    i, thread = cuda.grid(1), cuda.threadIdx.x
    ax = ay = az = float32(0)
    if i < bodies.shape[0]:
        x, y, z = bodies[i, 0], bodies[i, 1], bodies[i, 2]
    else:
        x, y, z = float32(0), float32(0), float32(0)
    for start in range(0, bodies.shape[0], THREADS):
        for k in range(4):
            tile[thread, k] = bodies[start + thread, k] if start + thread < bodies.shape[0] else float32(0)
        cuda.syncthreads()
        for j in range(THREADS):
            dx, dy, dz = tile[j, 0] - x, tile[j, 1] - y, tile[j, 2] - z
            strength = pull(dx, dy, dz, tile[j, 3])
            ax += strength * dx
            ay += strength * dy
            az += strength * dz
        cuda.syncthreads()
    if i < bodies.shape[0]:
        out[i, 0], out[i, 1], out[i, 2] = ax, ay, az


bodies = np.random.default_rng(9).random((50, 4), np.float32)
out = cuda.device_array((50, 3), np.float32)
accelerations[2, THREADS](cuda.to_device(bodies), out)
away = bodies[None, :, :3].astype(float) - bodies[:, None, :3]
square = (away**2).sum(-1) + 1e-2
expected = (bodies[None, :, 3] / square**1.5)[..., None] * away
assert np.allclose(out.copy_to_host(), expected.sum(1), rtol=1e-4, atol=1e-3)
print("n-body: 50 bodies")
