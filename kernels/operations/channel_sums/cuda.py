"""Sums over each channel on a GPU, a ladder of two rungs. Source: Zozoulenko (2018), eq. 37-38, their sums.

Shapes as in reference.py; the kernels see x as (R, C, S), S = H * W or 1.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per channel, in float64
              2   several blocks per channel, in float32 about the mean of their part: 580 times less predicted time

Sums that are added up over devices and then taken apart again must be float64, which is slow: the second rung has it
for a few values of each part only.
"""

import math

from kernels.gpu import Ladder, cuda, float64, kernel, rung, scratch
from kernels.gpu.reduce import WARP
from kernels.operations.batchnorm.cuda.channels import BLOCK, FEWER_BLOCKS, GPU_BLOCKS, PIECE, part_grid, rcs
from kernels.operations.batchnorm.cuda.forward import statistics_parts
from kernels.operations.batchnorm.cuda.fours import over_parts, planes_in_fours, statistics_parts_fours


@kernel
def sums_direct(x, sums, *, BLOCK=BLOCK):
    """One thread per channel."""
    c = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if c < x.shape[1]:
        total, square = float64(0), float64(0)
        for r in range(x.shape[0]):
            for s in range(x.shape[2]):
                value = float64(x[r, c, s])
                total += value
                square += value * value
        sums[0, c] = total
        sums[1, c] = square


@kernel
def sums_of_parts(parts, sums, *, BLOCK=BLOCK):
    """One thread per channel: of each part the number of its values, their mean in two, and their squares about it."""
    c = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if c < parts.shape[1]:
        total, square = float64(0), float64(0)
        for part in range(parts.shape[2]):
            count = float64(parts[0, c, part])
            mean = float64(parts[1, c, part]) + float64(parts[2, c, part])
            total += count * mean
            square += float64(parts[3, c, part]) + count * mean * mean
        sums[0, c] = total
        sums[1, c] = square


@rung(registers=32, float64=True, tiny={"BLOCK": 4})
def forward_1(x, sums, *, BLOCK=32):
    """One thread per channel, in float64 throughout."""
    return [sums_direct(BLOCK=BLOCK)[math.ceil(x.shape[1] / BLOCK), BLOCK](rcs(x), sums)]


@rung(registers=40, float64=True, tiny={"PIECE": 2, "WARPS": 2, "BLOCKS": 8, "FEWER": 8, "BLOCK": 64})
def forward_2(x, sums, *, PIECE=PIECE, WARPS=8, BLOCKS=GPU_BLOCKS, FEWER=FEWER_BLOCKS, BLOCK=BLOCK):
    """Several blocks per channel, as batch normalization sums; four values at once where planes are whole fours.

    By the x-ray: 4.0 times fewer sectors, 12 times fewer turns and 580 times less predicted time, for 2.5 times more
    flops.

    Where S is 1 the channels are neighbours in memory, and so are the reads of the threads of rung 1.
    """
    if rcs(x).shape[2] == 1:
        return forward_1(x, sums)
    if planes_in_fours(x):
        fours, grid, sizes = over_parts(statistics_parts_fours, x, PIECE, BLOCK, FEWER)
        parts = scratch(x, (4, *grid))
        counted = fours(x.reshape(-1), parts, *sizes)
    else:
        grid, block = part_grid(x, PIECE, WARPS, BLOCKS)
        parts = scratch(x, (4, *grid))
        counted = statistics_parts(PIECE=PIECE, WARPS=block // WARP)[grid, block](rcs(x), parts)
    together = sums_of_parts(BLOCK=BLOCK)[math.ceil(x.shape[1] / BLOCK), BLOCK]
    return [counted, together(parts, sums)]


forward = Ladder("forward", forward_1, forward_2)
