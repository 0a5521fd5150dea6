"""A transpose through a tile in shared memory, padded against bank conflicts; row- and column-major arrays."""

import numpy as np
from numba import cuda, float64

TILE, PADDED, ROWS = 16, 17, 4


@cuda.jit
def transpose(x, out):
    tile = cuda.shared.array((TILE, PADDED), float64)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    column, row = cuda.blockIdx.x * TILE + tx, cuda.blockIdx.y * TILE
    for k in range(ty, TILE, ROWS):
        if row + k < x.shape[0] and column < x.shape[1]:
            tile[k, tx] = x[row + k, column]
    cuda.syncthreads()
    column, row = cuda.blockIdx.y * TILE + tx, cuda.blockIdx.x * TILE
    for k in range(ty, TILE, ROWS):
        if row + k < out.shape[0] and column < out.shape[1]:
            out[row + k, column] = tile[tx, k]


x = np.arange(37 * 23, dtype=np.float64).reshape(37, 23)
for given in (x, np.asfortranarray(x)):
    out = cuda.device_array((23, 37), np.float64)
    transpose[(2, 3), (TILE, ROWS)](cuda.to_device(given), out)
    assert np.array_equal(out.copy_to_host(), x.T)
print("transpose: 37 x 23, of two layouts")
