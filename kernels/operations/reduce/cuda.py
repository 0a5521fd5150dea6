"""Reduction on a GPU, a ladder of three rungs. Source: Zozoulenko (2018), eq. 8.

Shapes as in reference.py. What becomes of a sum, the sum itself or its n-th part, is a compile-time parameter; the norm
has kernels of its own. The number of blocks depends on the number of values alone and no atomics are used, so runs
repeat bit for bit.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread adds all values
               2   parts for all blocks, each a tree in shared memory: 580 times less predicted time
               3   shuffles in place of most of the tree: 5.0 times fewer barriers
    backward   1   one thread per value: nothing to climb, memory is the limit
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung, scratch
from kernels.gpu.reduce import WARP, block_max, block_max_of_warps, block_sum, block_sum_of_warps, compensated

BLOCK = 256
MOST_BLOCKS = 1024


@device
def total_itself(total, n):
    return total


@device
def total_over_n(total, n):
    return total / n


@device
def sum_slope(x, y, n):
    return float32(1)


@device
def mean_slope(x, y, n):
    return float32(1) / n


@device
def norm_slope(x, y, n):
    return float32(0) if y == float32(0) else x / y


FINISH = {"sum": total_itself, "mean": total_over_n}
SLOPE = {"sum": sum_slope, "mean": mean_slope, "norm": norm_slope}


# The sum, and the mean.


@kernel
def reduce_thread(x, y, n, *, FINISH=total_itself):
    """One thread for all: it adds value after value."""
    total, lost = float32(0), float32(0)
    for i in range(x.size):
        total, lost = compensated(total, lost, x[i])
    y[0] = FINISH(total, n)


@kernel
def reduce_parts(x, parts, *, SUM=block_sum, BLOCK=BLOCK):
    """One part per block: its threads stride through the whole array, then their sums meet in the block."""
    shared = cuda.shared.array(BLOCK, float32)
    total, lost = float32(0), float32(0)
    for i in range(cuda.blockIdx.x * BLOCK + cuda.threadIdx.x, x.size, cuda.gridDim.x * BLOCK):
        total, lost = compensated(total, lost, x[i])
    total = SUM(total, shared)
    if cuda.threadIdx.x == 0:
        parts[cuda.blockIdx.x] = total


@kernel
def reduce_rest(parts, y, n, *, FINISH=total_itself, SUM=block_sum, BLOCK=BLOCK):
    """One block for all parts: it adds them and makes the result of their sum."""
    shared = cuda.shared.array(BLOCK, float32)
    total = float32(0)
    for i in range(cuda.threadIdx.x, parts.size, BLOCK):
        total += parts[i]
    total = SUM(total, shared)
    if cuda.threadIdx.x == 0:
        y[0] = FINISH(total, n)


# The norm. The square of a value of 1e20 is no float32 any more, nor is that of 1e-30. So the largest comes first, and
# what is squared and added up are parts of it: none is above 1.


@device
def unit(largest):
    """What to divide values by before they are squared: the largest of them, if that is possible."""
    return largest if float32(0) < largest < float32(math.inf) else float32(1)


@kernel
def norm_thread(x, y):
    """One thread for all: it runs over the values for the largest, and again for the squares."""
    largest = float32(0)
    for i in range(x.size):
        largest = max(largest, abs(x[i]))
    one = unit(largest)
    total, lost = float32(0), float32(0)
    for i in range(x.size):
        value = x[i] / one
        total, lost = compensated(total, lost, value * value)
    y[0] = math.sqrt(total) * one


@kernel
def norm_parts(x, parts, *, SUM=block_sum, MAX=block_max, BLOCK=BLOCK):
    """One part per block: the largest of its values, and the sum of the squares of their ratios to it."""
    shared = cuda.shared.array(BLOCK, float32)
    first, step = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x, cuda.gridDim.x * BLOCK
    largest = float32(0)
    for i in range(first, x.size, step):
        largest = max(largest, abs(x[i]))
    largest = MAX(largest, shared)
    one = unit(largest)
    total, lost = float32(0), float32(0)
    for i in range(first, x.size, step):
        value = x[i] / one
        total, lost = compensated(total, lost, value * value)
    total = SUM(total, shared)
    if cuda.threadIdx.x == 0:
        parts[0, cuda.blockIdx.x] = largest
        parts[1, cuda.blockIdx.x] = total


@kernel
def norm_rest(parts, y, *, SUM=block_sum, MAX=block_max, BLOCK=BLOCK):
    """One block for all parts: the largest of all, then the sum of squares, each part's by its own ratio to that."""
    shared = cuda.shared.array(BLOCK, float32)
    largest = float32(0)
    for i in range(cuda.threadIdx.x, parts.shape[1], BLOCK):
        largest = max(largest, parts[0, i])
    one = unit(MAX(largest, shared))
    total = float32(0)
    for i in range(cuda.threadIdx.x, parts.shape[1], BLOCK):
        ratio = parts[0, i] / one
        total += parts[1, i] * (ratio * ratio)
    total = SUM(total, shared)
    if cuda.threadIdx.x == 0:
        y[0] = math.sqrt(total) * one


@kernel
def backward_each(dy, x, y, dx, n, *, SLOPE=sum_slope, BLOCK=BLOCK):
    """One thread per value: dx = dy, dy / n, or dy x / y."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        dx[i] = dy[0] * SLOPE(x[i], y[0], n)


def in_two_stages(x, y, how, count, SUM, MAX, BLOCK, MOST_BLOCKS):
    """The two launches of rungs 2 and 3, which differ in how the threads of a block agree."""
    x = x.reshape(-1)
    blocks = min(math.ceil(x.size / BLOCK), MOST_BLOCKS)
    if how == "norm":
        parts = scratch(x, (2, blocks))
        return [
            norm_parts(SUM=SUM, MAX=MAX, BLOCK=BLOCK)[blocks, BLOCK](x, parts),
            norm_rest(SUM=SUM, MAX=MAX, BLOCK=BLOCK)[1, BLOCK](parts, y),
        ]
    parts = scratch(x, (blocks,))
    return [
        reduce_parts(SUM=SUM, BLOCK=BLOCK)[blocks, BLOCK](x, parts),
        reduce_rest(FINISH=FINISH[how], SUM=SUM, BLOCK=BLOCK)[1, BLOCK](parts, y, float32(count or x.size)),
    ]


@rung(registers=32)
def forward_1(x, y, how, count):
    """One thread adds all values."""
    x = x.reshape(-1)
    if how == "norm":
        return [norm_thread[1, 1](x, y)]
    return [reduce_thread(FINISH=FINISH[how])[1, 1](x, y, float32(count or x.size))]


@rung(registers=32, tiny={"BLOCK": 8, "MOST_BLOCKS": 4})
def forward_2(x, y, how, count, *, BLOCK=BLOCK, MOST_BLOCKS=MOST_BLOCKS):
    """Parts for all blocks, each added up as a tree in shared memory, then one block for the parts.

    By the x-ray: 7.9 times fewer sectors, 12 times fewer turns and 580 times less predicted time.
    """
    return in_two_stages(x, y, how, count, block_sum, block_max, BLOCK, MOST_BLOCKS)


@rung(registers=32, tiny={"BLOCK": 2 * WARP, "MOST_BLOCKS": 3})
def forward_3(x, y, how, count, *, BLOCK=BLOCK, MOST_BLOCKS=MOST_BLOCKS):
    """Warp shuffles in place of most of the tree: two barriers a block instead of one a level.

    By the x-ray: 5.0 times fewer barriers, for 1.2 times more turns and 1.6 times more flops.
    """
    return in_two_stages(x, y, how, count, block_sum_of_warps, block_max_of_warps, BLOCK, MOST_BLOCKS)


@rung(registers=16, tiny={"BLOCK": 8})
def backward_1(dy, x, y, dx, how, count, *, BLOCK=BLOCK):
    """One thread per value."""
    launch = backward_each(SLOPE=SLOPE[how], BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK]
    return [launch(dy, x.reshape(-1), y, dx.reshape(-1), float32(count or x.size))]


forward = Ladder("forward", forward_1, forward_2, forward_3)
backward = Ladder("backward", backward_1)
