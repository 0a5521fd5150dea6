"""Top k on a GPU, a ladder of three rungs. Shapes as in reference.py.

All of them ask how many rows come before a row: that number is its place in the result, if it is below k.
"""

import math

from kernels.gpu import Ladder, cuda, device, int32, kernel, rung

BLOCK = 256


@device
def before(a, i, b, j):
    """Whether value a of row i comes before value b of row j: larger, or equal and higher up. A NaN comes last."""
    # a == a is false of NaN alone.
    equal = a == b or (a != a and b != b)
    return a > b or (a == a and b != b) or (equal and i < j)


@kernel
def count_before(x, value, index, column, *, BLOCK=BLOCK):
    """One thread per row: it counts the rows that come before its own."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    r = cuda.blockIdx.y
    if n < x.shape[1]:
        mine = x[r, n, column]
        rank = 0
        for other in range(x.shape[1]):
            if before(x[r, other, column], other, mine, n):
                rank += 1
        if rank < value.shape[1]:
            value[r, rank] = mine
            index[r, rank] = int32(n)


@rung(tiny={"BLOCK": 8})
def forward_1(x, value, index, k, column, *, BLOCK=BLOCK):
    """One thread per row counts the rows that come before it: the definition of a rank word for word."""
    R, N, C = x.shape
    return [count_before(BLOCK=BLOCK)[(math.ceil(N / BLOCK), R), BLOCK](x, value, index, column % C)]


forward = Ladder(forward_1)
