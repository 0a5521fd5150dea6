"""Softmax with a warp for each row: Zozoulenko (2018), eq. 54."""

import math

from kernels.gpu import cuda, float32, kernel

WARP = 32
WARPS = 2  # a block
ALL_LANES = 0xFFFFFFFF


@kernel
def softmax(x, y):
    """One warp per row: its lanes take turns over the columns, and agree through their registers."""
    R, C = x.shape
    lane = cuda.threadIdx.x % WARP
    r = cuda.blockIdx.x * WARPS + cuda.threadIdx.x // WARP
    if r < R:  # true or false for a whole warp, whose lanes must stay together
        largest = float32(-math.inf)
        for c in range(lane, C, WARP):
            largest = max(largest, x[r, c])
        distance = WARP // 2
        while distance > 0:
            largest = max(largest, cuda.shfl_xor_sync(ALL_LANES, largest, distance))
            distance //= 2
        total = float32(0)
        for c in range(lane, C, WARP):
            total += math.exp(x[r, c] - largest)
        distance = WARP // 2
        while distance > 0:
            total += cuda.shfl_xor_sync(ALL_LANES, total, distance)
            distance //= 2
        for c in range(lane, C, WARP):
            y[r, c] = math.exp(x[r, c] - largest) / total


def launches(x, y):
    """As many warps as rows, and one more where these are odd."""
    return [softmax[-(-x.shape[0] // WARPS), WARPS * WARP](x, y)]
