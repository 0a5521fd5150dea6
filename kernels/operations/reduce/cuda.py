"""Reduction on a GPU, a ladder of three rungs. Source: Zozoulenko (2018), eq. 8.

Shapes as in reference.py. What is added up and what becomes of the sum are compile-time parameters: the value or its
square; the sum itself, its n-th part or its root. The number of blocks depends on the number of values alone and no
atomics are used, so runs repeat bit for bit. A norm beyond about 1e19 overflows, since its squares are float32.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread adds all values
               2   parts for all blocks, each a tree in shared memory: 580 times less predicted time
               3   shuffles in place of most of the tree: 5.0 times fewer barriers
    backward   1   one thread per value: nothing to climb, memory is the limit
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung, scratch
from kernels.gpu.reduce import WARP, block_sum, block_sum_of_warps

BLOCK = 256
MOST_BLOCKS = 1024


@device
def same(value):
    return value


@device
def square(value):
    return value * value


@device
def total_itself(total, n):
    return total


@device
def total_over_n(total, n):
    return total / n


@device
def root_of_total(total, n):
    return math.sqrt(total)


@device
def sum_slope(x, y, n):
    return float32(1)


@device
def mean_slope(x, y, n):
    return float32(1) / n


@device
def norm_slope(x, y, n):
    return float32(0) if y == float32(0) else x / y


TERM_FINISH_SLOPE = {
    "sum": (same, total_itself, sum_slope),
    "mean": (same, total_over_n, mean_slope),
    "norm": (square, root_of_total, norm_slope),
}


@kernel
def reduce_thread(x, y, n, *, TERM=same, FINISH=total_itself):
    """One thread for all: it adds value after value and keeps what rounding lost of each (Kahan (1965))."""
    total = float32(0)
    excess = float32(0)
    for i in range(x.size):
        value = TERM(x[i]) - excess
        larger = total + value
        excess = (larger - total) - value
        total = larger
    y[0] = FINISH(total, n)


@kernel
def reduce_parts(x, parts, *, TERM=same, SUM=block_sum, BLOCK=BLOCK):
    """One part per block: its threads stride through the whole array, then their sums meet in the block."""
    shared = cuda.shared.array(BLOCK, float32)
    total = float32(0)
    for i in range(cuda.blockIdx.x * BLOCK + cuda.threadIdx.x, x.size, cuda.gridDim.x * BLOCK):
        total += TERM(x[i])
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


@kernel
def backward_each(dy, x, y, dx, n, *, SLOPE=sum_slope, BLOCK=BLOCK):
    """One thread per value: dx = dy, dy / n, or dy x / y."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        dx[i] = dy[0] * SLOPE(x[i], y[0], n)


def in_two_stages(x, y, how, SUM, BLOCK, MOST_BLOCKS):
    """The two launches of rungs 2 and 3, which differ in how a block adds up."""
    term, finish, _ = TERM_FINISH_SLOPE[how]
    blocks = min(math.ceil(x.size / BLOCK), MOST_BLOCKS)
    parts = scratch(x, (blocks,))
    return [
        reduce_parts(TERM=term, SUM=SUM, BLOCK=BLOCK)[blocks, BLOCK](x.reshape(-1), parts),
        reduce_rest(FINISH=finish, SUM=SUM, BLOCK=BLOCK)[1, BLOCK](parts, y, float32(x.size)),
    ]


@rung(registers=32)
def forward_1(x, y, how):
    """One thread adds all values."""
    term, finish, _ = TERM_FINISH_SLOPE[how]
    return [reduce_thread(TERM=term, FINISH=finish)[1, 1](x.reshape(-1), y, float32(x.size))]


@rung(registers=32, tiny={"BLOCK": 8, "MOST_BLOCKS": 4})
def forward_2(x, y, how, *, BLOCK=BLOCK, MOST_BLOCKS=MOST_BLOCKS):
    """Parts for all blocks, each added up as a tree in shared memory, then one block for the parts.

    By the x-ray: 7.9 times fewer sectors, 12 times fewer turns, 3.2 times fewer flops and 580 times less predicted
    time.
    """
    return in_two_stages(x, y, how, block_sum, BLOCK, MOST_BLOCKS)


@rung(registers=32, tiny={"BLOCK": 2 * WARP, "MOST_BLOCKS": 3})
def forward_3(x, y, how, *, BLOCK=BLOCK, MOST_BLOCKS=MOST_BLOCKS):
    """Warp shuffles in place of most of the tree: two barriers a block instead of one a level.

    By the x-ray: 5.0 times fewer barriers, for 1.2 times more turns and 3.2 times more flops.
    """
    return in_two_stages(x, y, how, block_sum_of_warps, BLOCK, MOST_BLOCKS)


@rung(registers=16, tiny={"BLOCK": 8})
def backward_1(dy, x, y, dx, how, *, BLOCK=BLOCK):
    """One thread per value."""
    _, _, slope = TERM_FINISH_SLOPE[how]
    launch = backward_each(SLOPE=slope, BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK]
    return [launch(dy, x.reshape(-1), y, dx.reshape(-1), float32(x.size))]


forward = Ladder("forward", forward_1, forward_2, forward_3)
backward = Ladder("backward", backward_1)
