"""Activation functions on a GPU, one rung: every value is on its own. Source: Zozoulenko (2018), eq. 29-30.

Shapes as in reference.py. The function is a compile-time parameter: each gets a kernel of its own, with no
choice left to make at run time.

The rungs:

    forward    1   one thread per value
    backward   1   one thread per value

Nothing to climb: each value is read once and written once, by neighbours, and memory is the limit.
"""

import math

from kernels.gpu import Ladder, cuda, device, kernel, rung
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


@rung(registers=16, tiny={"BLOCK": 8})
def forward_1(x, y, function, *, BLOCK=BLOCK):
    """One thread per value: eq. 29 word for word."""
    f, _ = DEVICE_FUNCTIONS[function]
    return [forward_each(F=f, BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK](x.reshape(-1), y.reshape(-1))]


@rung(registers=16, tiny={"BLOCK": 8})
def backward_1(dy, x, dx, function, *, BLOCK=BLOCK):
    """One thread per value: eq. 30 word for word."""
    _, slope = DEVICE_FUNCTIONS[function]
    blocks = math.ceil(x.size / BLOCK)
    return [backward_each(SLOPE=slope, BLOCK=BLOCK)[blocks, BLOCK](dy.reshape(-1), x.reshape(-1), dx.reshape(-1))]


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
