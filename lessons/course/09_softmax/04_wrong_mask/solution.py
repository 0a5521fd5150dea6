"""The cross entropy of each row, summed by the lanes of a warp: Zozoulenko (2018), eq. 56."""

import math

from kernels.gpu import cuda, float32, kernel

LINE = 22  # the number of the line that is at fault, in this file as you got it
KIND = "wrong mask"  # in quotes, one of those that `python -m lessons kinds` lists

WARP = 32
ALL_LANES = 0xFFFFFFFF


@kernel
def cross_entropy(p, target, y):
    """One warp per row, one lane per class: each has a term of the sum, and lane 0 writes the sum."""
    r, c = cuda.blockIdx.x, cuda.threadIdx.x
    loss = float32(0)  # of a lane without a class, too
    if c < p.shape[1]:
        loss = -target[r, c] * math.log(p[r, c])
    distance = WARP // 2
    while distance > 0:
        loss += cuda.shfl_down_sync(ALL_LANES, loss, distance)
        distance //= 2
    if c == 0:
        y[r] = loss


def launches(p, target, y):
    """A block for each row, of one warp."""
    return [cross_entropy[p.shape[0], WARP](p, target, y)]
