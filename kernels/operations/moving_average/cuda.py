"""Moving average on a GPU, two rungs: every value is on its own. Source: Tarvainen and Valpola (2017), section 2.

Shapes as in reference.py.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per value
              2   four values at once, in a grid-stride loop

Each value is read once and written once, by neighbours: memory is the limit, if few instructions are spent on the way.
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung, uint32
from kernels.gpu.vectors import (
    ENOUGH,
    blocks_of_fours,
    groups,
    in_fours,
    load_four,
    store_four,
    thread_count,
    thread_number,
)

BLOCK = 256


@kernel
def step_each(x, rate, average, *, BLOCK=BLOCK):
    """One thread per value."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < average.size:
        average[i] += rate[0] * (x[i] - average[i])


@kernel
def step_fours(x, rate, average, *, BLOCK=BLOCK):
    """One thread per four values, and on by grid strides."""
    new, old = cuda.local.array(4, float32), cuda.local.array(4, float32)
    n = thread_number(BLOCK)
    while n < groups(average):
        load_four(x, n, new)
        load_four(average, n, old)
        for k in range(4):
            old[k] += rate[0] * (new[k] - old[k])
        store_four(average, n, old)
        n = uint32(n + thread_count(BLOCK))


@rung(registers=16, tiny={"BLOCK": 8})
def forward_1(x, rate, average, *, BLOCK=BLOCK):
    """One thread per value: the equation word for word."""
    return [step_each(BLOCK=BLOCK)[math.ceil(average.size / BLOCK), BLOCK](x, rate, average)]


@rung(registers=24, tiny={"BLOCK": 8, "ENOUGH": 8})
def forward_2(x, rate, average, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four values at once: 16 bytes a lane, and one address for four of them. What is not in fours, rung 1 takes."""
    if not in_fours(x, average):
        return forward_1(x, rate, average, BLOCK=BLOCK)
    return [step_fours(BLOCK=BLOCK)[blocks_of_fours(average, BLOCK, ENOUGH), BLOCK](x, rate, average)]


forward = Ladder("forward", forward_1, forward_2)
