"""Concatenation on a GPU, one rung: every value is on its own. Source: Lin et al. (2017), Focal Loss, section 4.

Shapes as in reference.py. The rows of a picture follow each other in memory, so here they are one long row.

The rungs:

    forward    1   one thread per value
    backward   1   one thread per value

Nothing to climb: each value is read once and written once, by neighbours, and memory is the limit.
"""

import math

from kernels.gpu import Ladder, cuda, kernel, rung

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


def flat(a):
    """(R, M, N) as (R, M * N)."""
    return a.reshape(a.shape[0], -1)


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
