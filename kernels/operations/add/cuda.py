"""Addition on a GPU, two rungs: every value is on its own. Source: He et al. (2016), eq. 1.

Shapes as in reference.py; y may be a itself, since each thread reads before it writes.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per value
               2   four values at once, in a grid-stride loop: 8.4 times fewer instructions
    backward   1   one thread per value
               2   four values at once, in a grid-stride loop: 10 times fewer instructions

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
def add_each(a, b, y, *, BLOCK=BLOCK):
    """One thread per value: y = a + b."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < y.size:
        y[i] = a[i] + b[i]


@kernel
def copy_each(dy, dx, *, BLOCK=BLOCK):
    """One thread per value: dx = dy."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < dx.size:
        dx[i] = dy[i]


@kernel
def add_fours(a, b, y, *, BLOCK=BLOCK):
    """One thread per four values, and on by grid strides."""
    left, right = cuda.local.array(4, float32), cuda.local.array(4, float32)
    n = thread_number(BLOCK)
    while n < groups(y):
        load_four(a, n, left)
        load_four(b, n, right)
        for k in range(4):
            left[k] += right[k]
        store_four(y, n, left)
        n = uint32(n + thread_count(BLOCK))


@kernel
def copy_fours(dy, dx, *, BLOCK=BLOCK):
    """One thread per four values, and on by grid strides."""
    four = cuda.local.array(4, float32)
    n = thread_number(BLOCK)
    while n < groups(dx):
        load_four(dy, n, four)
        store_four(dx, n, four)
        n = uint32(n + thread_count(BLOCK))


@rung(registers=16, tiny={"BLOCK": 8})
def forward_1(a, b, y, *, BLOCK=BLOCK):
    """One thread per value."""
    blocks = math.ceil(y.size / BLOCK)
    return [add_each(BLOCK=BLOCK)[blocks, BLOCK](a.reshape(-1), b.reshape(-1), y.reshape(-1))]


@rung(registers=24, tiny={"BLOCK": 8, "ENOUGH": 8})
def forward_2(a, b, y, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four values at once: 16 bytes a lane, and one address for four of them. What is not in fours, rung 1 takes.

    By the x-ray: 8.4 times fewer instructions.
    """
    if not in_fours(a, b, y):
        return forward_1(a, b, y, BLOCK=BLOCK)
    return [
        add_fours(BLOCK=BLOCK)[blocks_of_fours(y, BLOCK, ENOUGH), BLOCK](a.reshape(-1), b.reshape(-1), y.reshape(-1))
    ]


@rung(registers=16, tiny={"BLOCK": 8})
def backward_1(dy, da, db, *, BLOCK=BLOCK):
    """One thread per value, one launch for each delta-error that is wanted."""
    copy = copy_each(BLOCK=BLOCK)[math.ceil(dy.size / BLOCK), BLOCK]
    return [copy(dy.reshape(-1), dx.reshape(-1)) for dx in (da, db) if dx is not None]


@rung(registers=24, tiny={"BLOCK": 8, "ENOUGH": 8})
def backward_2(dy, da, db, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four values at once: 16 bytes a lane, and one address for four of them. What is not in fours, rung 1 takes.

    By the x-ray: 10 times fewer instructions.
    """
    wanted = [dx for dx in (da, db) if dx is not None]
    if not in_fours(dy, *wanted):
        return backward_1(dy, da, db, BLOCK=BLOCK)
    copy = copy_fours(BLOCK=BLOCK)[blocks_of_fours(dy, BLOCK, ENOUGH), BLOCK]
    return [copy(dy.reshape(-1), dx.reshape(-1)) for dx in wanted]


forward = Ladder("forward", forward_1, forward_2)
backward = Ladder("backward", backward_1, backward_2)
