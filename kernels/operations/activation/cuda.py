"""Activation functions on a GPU, two rungs: every value is on its own. Source: Zozoulenko (2018), eq. 29-30.

Shapes as in reference.py. The function is a compile-time parameter: each gets a kernel of its own, with no
choice left to make at run time.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per value
               2   four values at once, in a grid-stride loop: 6.1 times fewer instructions
    backward   1   one thread per value
               2   four values at once, in a grid-stride loop: 6.0 times fewer instructions

Each value is read once and written once, by neighbours: memory is the limit, if few instructions are spent on the way.
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung, uint32
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
from kernels.operations.activation.functions import FUNCTIONS

BLOCK = 256
DEVICE_FUNCTIONS = {name: (device(f), device(slope)) for name, (f, slope) in FUNCTIONS.items()}


@kernel
def forward_each(x, y, *, F=DEVICE_FUNCTIONS["relu"][0], BLOCK=BLOCK):
    """One thread per value: y = f(x)."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        y[i] = F(x[i])


@kernel
def backward_each(dy, x, dx, *, SLOPE=DEVICE_FUNCTIONS["relu"][1], BLOCK=BLOCK):
    """One thread per value: dx = dy f'(x)."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        dx[i] = dy[i] * SLOPE(x[i])


@kernel
def forward_fours(x, y, *, F=DEVICE_FUNCTIONS["relu"][0], BLOCK=BLOCK):
    """One thread per four values, and on by grid strides."""
    four = cuda.local.array(4, float32)
    n = thread_number(BLOCK)
    while n < groups(x):
        load_four(x, n, four)
        for k in range(4):
            four[k] = F(four[k])
        store_four(y, n, four)
        n = uint32(n + thread_count(BLOCK))


@kernel
def backward_fours(dy, x, dx, *, SLOPE=DEVICE_FUNCTIONS["relu"][1], BLOCK=BLOCK):
    """One thread per four values, and on by grid strides."""
    four, delta = cuda.local.array(4, float32), cuda.local.array(4, float32)
    n = thread_number(BLOCK)
    while n < groups(x):
        load_four(x, n, four)
        load_four(dy, n, delta)
        for k in range(4):
            delta[k] *= SLOPE(four[k])
        store_four(dx, n, delta)
        n = uint32(n + thread_count(BLOCK))


@rung(registers=16, tiny={"BLOCK": 8})
def forward_1(x, y, function, *, BLOCK=BLOCK):
    """One thread per value: eq. 29 word for word."""
    f, _ = DEVICE_FUNCTIONS[function]
    return [forward_each(F=f, BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK](x.reshape(-1), y.reshape(-1))]


@rung(registers=24, tiny={"BLOCK": 8, "ENOUGH": 8})
def forward_2(x, y, function, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four values at once: 16 bytes a lane, and one address for four of them. What is not in fours, rung 1 takes.

    By the x-ray: 6.1 times fewer instructions.
    """
    if not in_fours(x, y):
        return forward_1(x, y, function, BLOCK=BLOCK)
    f, _ = DEVICE_FUNCTIONS[function]
    return [forward_fours(F=f, BLOCK=BLOCK)[blocks_of_fours(x, BLOCK, ENOUGH), BLOCK](x.reshape(-1), y.reshape(-1))]


@rung(registers=16, tiny={"BLOCK": 8})
def backward_1(dy, x, dx, function, *, BLOCK=BLOCK):
    """One thread per value: eq. 30 word for word."""
    _, slope = DEVICE_FUNCTIONS[function]
    blocks = math.ceil(x.size / BLOCK)
    return [backward_each(SLOPE=slope, BLOCK=BLOCK)[blocks, BLOCK](dy.reshape(-1), x.reshape(-1), dx.reshape(-1))]


@rung(registers=24, tiny={"BLOCK": 8, "ENOUGH": 8})
def backward_2(dy, x, dx, function, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four values at once: 16 bytes a lane, and one address for four of them. What is not in fours, rung 1 takes.

    By the x-ray: 6.0 times fewer instructions.
    """
    if not in_fours(dy, x, dx):
        return backward_1(dy, x, dx, function, BLOCK=BLOCK)
    _, slope = DEVICE_FUNCTIONS[function]
    fours = backward_fours(SLOPE=slope, BLOCK=BLOCK)[blocks_of_fours(x, BLOCK, ENOUGH), BLOCK]
    return [fours(dy.reshape(-1), x.reshape(-1), dx.reshape(-1))]


forward = Ladder("forward", forward_1, forward_2)
backward = Ladder("backward", backward_1, backward_2)
