"""Resizing on a GPU, a ladder of three rungs. Source: Heckbert (1989).

Shapes as in reference.py. Weights are worked out where they are needed, from integers; each sum of weighted values is
divided by the sum of its weights at the end.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per output
              2   two passes, rows and then columns: 1.5 times fewer sectors, 1.5 times fewer flops
              3   both passes in one block: 1.8 times fewer sectors, 1.9 times less predicted time
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung, scratch
from kernels.gpu.index import unravel
from kernels.operations.resize import functions

BLOCK = 256
TILE = (8, 32)
SHARED_BYTES = 48 * 1024  # what a block may have on every GPU without asking

first_under = device(functions.first_under)
past_under = device(functions.past_under)
weight = device(functions.weight)


@kernel
def forward_direct(x, y, *, BLOCK=BLOCK):
    """One thread per output: it weighs all values under its filter, row by row."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        H, W, H_out, W_out = x.shape[2], x.shape[3], y.shape[2], y.shape[3]
        r, c, h_out, w_out = unravel(n, y.shape[1], H_out, W_out)
        total, weights = float32(0), float32(0)
        for h in range(first_under(h_out, H, H_out), past_under(h_out, H, H_out)):
            of_row = weight(h, h_out, H, H_out)
            for w in range(first_under(w_out, W, W_out), past_under(w_out, W, W_out)):
                product = of_row * weight(w, w_out, W, W_out)
                total += product * x[r, c, h, w]
                weights += product
        y[r, c, h_out, w_out] = total / weights


@kernel
def resize_middle(x, y, *, BLOCK=BLOCK):
    """x (A, H, B) -> y (A, H', B), one thread per output: it weighs what is under its filter on the middle axis."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        H, H_out, B = x.shape[1], y.shape[1], y.shape[2]
        a, h_out, b = n // (B * H_out), n // B % H_out, n % B
        total, weights = float32(0), float32(0)
        for h in range(first_under(h_out, H, H_out), past_under(h_out, H, H_out)):
            share = weight(h, h_out, H, H_out)
            total += share * x[a, h, b]
            weights += share
        y[a, h_out, b] = total / weights


@kernel
def forward_tiled(x, y, *, TILE=TILE, COLUMNS=96):
    """One block per TILE of outputs of a channel: for each of its rows, the mean of the rows under it lies between.

    COLUMNS is the width of what lies under a tile.
    """
    between = cuda.shared.array((TILE[0], COLUMNS), float32)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    H, W, H_out, W_out = x.shape[2], x.shape[3], y.shape[2], y.shape[3]
    r = cuda.blockIdx.x // y.shape[1]
    c = cuda.blockIdx.x % y.shape[1]
    h_out = cuda.blockIdx.y * TILE[0] + ty
    w_out = cuda.blockIdx.z * TILE[1] + tx
    left = first_under(cuda.blockIdx.z * TILE[1], W, W_out)
    right = past_under(min(cuda.blockIdx.z * TILE[1] + TILE[1], W_out) - 1, W, W_out)
    if h_out < H_out:
        for w in range(left + tx, right, TILE[1]):
            total, weights = float32(0), float32(0)
            for h in range(first_under(h_out, H, H_out), past_under(h_out, H, H_out)):
                share = weight(h, h_out, H, H_out)
                total += share * x[r, c, h, w]
                weights += share
            between[ty, w - left] = total / weights
    cuda.syncthreads()  # the rows between are complete
    if h_out < H_out and w_out < W_out:
        total, weights = float32(0), float32(0)
        for w in range(first_under(w_out, W, W_out), past_under(w_out, W, W_out)):
            share = weight(w, w_out, W, W_out)
            total += share * between[ty, w - left]
            weights += share
        y[r, c, h_out, w_out] = total / weights


def columns_under(W, W_out, tile):
    """How many columns lie under a tile of output columns, at most."""
    lefts = range(0, W_out, tile)
    return max(
        functions.past_under(min(left + tile, W_out) - 1, W, W_out) - functions.first_under(left, W, W_out)
        for left in lefts
    )


@rung(registers=96, tiny={"BLOCK": 8})
def forward_1(x, y, *, BLOCK=BLOCK):
    """One thread per output: the equation word for word."""
    return [forward_direct(BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](x, y)]


@rung(registers=40, tiny={"BLOCK": 8})
def forward_2(x, y, *, BLOCK=BLOCK):
    """Two passes, rows and then columns: m + n products for each output instead of m n, for a picture in between.

    By the x-ray: 1.5 times fewer sectors, 1.6 times fewer turns and 1.5 times fewer flops, for 1.8 times more predicted
    time.
    """
    R, C, H, W = x.shape
    H_out, W_out = y.shape[2:]
    between = scratch(x, (R * C, H_out, W))
    rows = x.reshape(R * C, H, W), between
    columns = between.reshape(R * C * H_out, W, 1), y.reshape(R * C * H_out, W_out, 1)
    middle = resize_middle(BLOCK=BLOCK)
    return [middle[math.ceil(to.size / BLOCK), BLOCK](of, to) for of, to in (rows, columns)]


@rung(registers=96, tiny={"TILE": (2, 4)})
def forward_3(x, y, *, TILE=TILE):
    """Both passes in one: what lies between stays in shared memory, and only x and y are in global memory.

    By the x-ray: 1.8 times fewer sectors and 1.9 times less predicted time, for 1.5 times more turns.

    Rows that lie under two tiles are read twice. Where a picture shrinks so far that what lies between has no place
    in shared memory, rung 2 is left.
    """
    R, C, H_out, W_out = y.shape
    columns = columns_under(x.shape[3], W_out, TILE[1])
    if 4 * TILE[0] * columns > SHARED_BYTES:
        return forward_2(x, y)
    grid = (R * C, math.ceil(H_out / TILE[0]), math.ceil(W_out / TILE[1]))
    return [forward_tiled(TILE=TILE, COLUMNS=columns)[grid, TILE[::-1]](x, y)]


forward = Ladder("forward", forward_1, forward_2, forward_3)
