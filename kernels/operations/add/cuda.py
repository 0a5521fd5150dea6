"""Addition on a GPU, one rung: every value is on its own. Source: He et al. (2016), eq. 1.

Shapes as in reference.py; y may be a itself, since each thread reads before it writes.

The rungs:

    forward    1   one thread per value
    backward   1   one thread per value

Nothing to climb: each value is read once and written once, by neighbours, and memory is the limit.
"""

import math

from kernels.gpu import Ladder, cuda, kernel, rung

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


@rung(registers=16, tiny={"BLOCK": 8})
def forward_1(a, b, y, *, BLOCK=BLOCK):
    """One thread per value."""
    blocks = math.ceil(y.size / BLOCK)
    return [add_each(BLOCK=BLOCK)[blocks, BLOCK](a.reshape(-1), b.reshape(-1), y.reshape(-1))]


@rung(registers=16, tiny={"BLOCK": 8})
def backward_1(dy, da, db, *, BLOCK=BLOCK):
    """One thread per value, one launch for each delta-error that is wanted."""
    copy = copy_each(BLOCK=BLOCK)[math.ceil(dy.size / BLOCK), BLOCK]
    return [copy(dy.reshape(-1), dx.reshape(-1)) for dx in (da, db) if dx is not None]


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
