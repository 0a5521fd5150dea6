"""A tile with a halo: the pixels under the windows of a block, fetched once. Zozoulenko (2018), eq. 24."""

from kernels.gpu import cuda, float32, kernel

BLOCK_H, BLOCK_W = 4, 8
KERNEL = 3
TILE_H, TILE_W = BLOCK_H + KERNEL - 1, BLOCK_W + KERNEL - 1


@kernel
def convolve_tiled(x, w, y):
    """One thread per output. A block keeps the pixels under all of its windows in shared memory."""
    tile = cuda.shared.array((TILE_H, TILE_W), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    top = cuda.blockIdx.y * BLOCK_H - KERNEL // 2  # the pixel of x that tile[0, 0] stands for
    left = cuda.blockIdx.x * BLOCK_W - KERNEL // 2
    for j in range(ty, TILE_H, BLOCK_H):
        for i in range(tx, TILE_W, BLOCK_W):
            row, column = top + j, left + i
            if 0 <= row < x.shape[0] and 0 <= column < x.shape[1]:
                tile[j, i] = x[row, column]
            else:
                tile[j, i] = float32(0)
    cuda.syncthreads()  # the tile is complete, whoever has fetched it
    total = float32(0)
    for j in range(KERNEL):
        for i in range(KERNEL):
            total += tile[ty + j, tx + i] * w[j, i]
    h_out, w_out = cuda.blockIdx.y * BLOCK_H + ty, cuda.blockIdx.x * BLOCK_W + tx
    if h_out < y.shape[0] and w_out < y.shape[1]:
        y[h_out, w_out] = total


def launches(x, w, y):
    """x (H, W), w (3, 3) -> y (H, W): a stride of 1, a padding of 1."""
    grid = -(-y.shape[1] // BLOCK_W), -(-y.shape[0] // BLOCK_H)
    return [convolve_tiled[grid, (BLOCK_W, BLOCK_H)](x, w, y)]
