"""Transposition on a GPU. Source: Ruetsch and Micikevicius (2009). Shapes as in reference.py."""

import math

from kernels.gpu import Ladder, cuda, kernel, rung

BLOCK = 256


@kernel
def transpose_direct(x, y, *, BLOCK=BLOCK):
    """One thread per value of x: it writes the value to its place in y."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        M, N = x.shape[1], x.shape[2]
        r, m, n = i // (N * M), i // N % M, i % N
        y[r, n, m] = x[r, m, n]


@rung(tiny={"BLOCK": 8})
def forward_1(x, y, *, BLOCK=BLOCK):
    """One thread per value."""
    return [transpose_direct(BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK](x, y)]


@rung(tiny={"BLOCK": 8})
def backward_1(dy, dx, *, BLOCK=BLOCK):
    """The same, the other way."""
    return forward_1(dy, dx, BLOCK=BLOCK)


forward = Ladder(forward_1)
backward = Ladder(backward_1)
