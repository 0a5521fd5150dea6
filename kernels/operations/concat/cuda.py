"""Concatenation on a GPU, two rungs: every value is on its own. Source: Lin et al. (2017), Focal Loss, section 4.

Shapes as in reference.py. The rows of a picture follow each other in memory, so here they are one long row.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per value
               2   a copy of each array, four values at once: 13 times fewer instructions
    backward   1   one thread per value
               2   four values at once: 12 times fewer instructions

Each value is read once and written once, by neighbours: memory is the limit, if few instructions are spent on the way.
"""

import math

import numpy as np

from kernels.gpu import Ladder, cuda, float32, kernel, rung, uint32
from kernels.gpu.vectors import ENOUGH, FOUR, in_fours, load_four, store_four, turns

BLOCK = 256


@kernel
def join_each(a, b, y, *, BLOCK=BLOCK):
    """One thread per value of y, which comes from a, or from b if it lies behind a."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        r, i = n // y.shape[1], n % y.shape[1]
        M = a.shape[1]
        y[r, i] = a[r, i] if i < M else b[r, i - M]


@kernel
def part_each(dy, dx, first, *, BLOCK=BLOCK):
    """One thread per value of dx: what became of it stands in dy, `first` places further on."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        r, i = n // dx.shape[1], n % dx.shape[1]
        dx[r, i] = dy[r, first + i]


@kernel
def copy_rows(x, y, x_first, y_first, x_step, y_step, groups, *, BLOCK=BLOCK):
    """A row of blocks per picture copies so many groups of its row: no thread has to divide to know where it is.

    x_first, y_first    where they begin in the row of x and of y
    x_step, y_step      from one row to the next
    """
    four = cuda.local.array(4, float32)
    r, n = uint32(cuda.blockIdx.x), uint32(uint32(cuda.blockIdx.y) * uint32(BLOCK) + uint32(cuda.threadIdx.x))
    source, target = uint32(r * x_step + x_first), uint32(r * y_step + y_first)
    while n < groups:
        load_four(x, uint32(source + n), four)
        store_four(y, uint32(target + n), four)
        n = uint32(n + uint32(cuda.gridDim.y) * uint32(BLOCK))


@rung(registers=24, tiny={"BLOCK": 8})
def forward_1(a, b, y, *, BLOCK=BLOCK):
    """One thread per value."""
    return [join_each(BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](flat(a), flat(b), flat(y))]


@rung(registers=24, tiny={"BLOCK": 8})
def backward_1(dy, da, db, *, BLOCK=BLOCK):
    """One thread per value, one launch for each delta-error that is wanted."""
    launches = []
    for dx in (da, db):
        if dx is not None:
            first = (dy.shape[1] - dx.shape[1]) * dy.shape[2] if dx is db else 0
            launches.append(part_each(BLOCK=BLOCK)[math.ceil(dx.size / BLOCK), BLOCK](flat(dy), flat(dx), first))
    return launches


@rung(registers=24, tiny={"BLOCK": 8, "ENOUGH": 8})
def forward_2(a, b, y, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """A copy of each array, four values at once, and no division. What is not in fours, rung 1 takes.

    By the x-ray: 13 times fewer instructions.
    """
    if not whole_fours(a, b, y):
        return forward_1(a, b, y, BLOCK=BLOCK)
    return [copied(a, y, 0, 0, BLOCK, ENOUGH), copied(b, y, 0, flat(a).shape[1], BLOCK, ENOUGH)]


@rung(registers=24, tiny={"BLOCK": 8, "ENOUGH": 8})
def backward_2(dy, da, db, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four values at once: 16 bytes a lane, and no division. What is not in fours, rung 1 takes.

    By the x-ray: 12 times fewer instructions.
    """
    wanted = [dx for dx in (da, db) if dx is not None]
    if not whole_fours(dy, *wanted):
        return backward_1(dy, da, db, BLOCK=BLOCK)
    return [copied(dy, dx, flat(dy).shape[1] - flat(dx).shape[1] if dx is db else 0, 0, BLOCK, ENOUGH) for dx in wanted]


def whole_fours(*arrays):
    """Whether the rows of all these arrays can be taken as groups of four."""
    return in_fours(*arrays) and all(flat(a).shape[1] % FOUR == 0 for a in arrays)


def copied(x, y, x_first, y_first, BLOCK, ENOUGH):
    """The launch that copies as much of each row as x and y both have, from place x_first to place y_first."""
    steps = flat(x).shape[1], flat(y).shape[1]
    sizes = [np.uint32(size // FOUR) for size in (x_first, y_first, *steps, min(steps))]
    groups = min(steps) // FOUR
    blocks = min(math.ceil(groups / (BLOCK * turns(groups * x.shape[0], ENOUGH))), 65535)  # more there are not along y
    return copy_rows(BLOCK=BLOCK)[(x.shape[0], blocks), BLOCK](x.reshape(-1), y.reshape(-1), *sizes)


def flat(a):
    """(R, M, N) as (R, M * N)."""
    return a.reshape(a.shape[0], -1)


forward = Ladder("forward", forward_1, forward_2)
backward = Ladder("backward", backward_1, backward_2)
