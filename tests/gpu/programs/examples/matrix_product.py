"""Matrix multiplication: a thread for each element, and with tiles in shared memory."""

import numpy as np
from numba import cuda, float32

TILE = 8


@cuda.jit
def plain(a, b, c):
    row, column = cuda.grid(2)
    if row < c.shape[0] and column < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[row, k] * b[k, column]
        c[row, column] = total


@cuda.jit
def tiled(a, b, c):
    a_tile = cuda.shared.array(shape=(TILE, TILE), dtype=float32)
    b_tile = cuda.shared.array(shape=(TILE, TILE), dtype=float32)
    column, row = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    total = float32(0)
    for tile in range((a.shape[1] + TILE - 1) // TILE):
        a_tile[ty, tx] = 0
        b_tile[ty, tx] = 0
        if row < a.shape[0] and tx + tile * TILE < a.shape[1]:
            a_tile[ty, tx] = a[row, tx + tile * TILE]
        if column < b.shape[1] and ty + tile * TILE < b.shape[0]:
            b_tile[ty, tx] = b[ty + tile * TILE, column]
        cuda.syncthreads()
        for k in range(TILE):
            total += a_tile[ty, k] * b_tile[k, tx]
        cuda.syncthreads()
    if row < c.shape[0] and column < c.shape[1]:
        c[row, column] = total


rng = np.random.default_rng(3)
a, b = rng.random((13, 19), np.float32), rng.random((19, 21), np.float32)
d_a, d_b = cuda.to_device(a), cuda.to_device(b)
for kernel, blocks in ((plain, (2, 3)), (tiled, (3, 2))):
    d_c = cuda.device_array((13, 21), np.float32)
    kernel[blocks, (TILE, TILE)](d_a, d_b, d_c)
    assert np.allclose(d_c.copy_to_host(), a @ b, rtol=1e-5)
print("matrix product: 13 x 19 by 19 x 21, plain and tiled")
