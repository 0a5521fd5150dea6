"""Softmax on a GPU, a ladder of four rungs each way. Source: Zozoulenko (2018), eq. 54-55, the last corrected.

Shapes as in reference.py. The row's largest value is subtracted before the exponential, as there.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per output
               2   one block per row: 3.4 times fewer sectors, 2.7 times less predicted time
               3   one warp per row: 22 times fewer turns, no barriers, 5.7 times less predicted time
               4   four values at once
    backward   1   one thread per input value
               2   one block per row: 2.9 times fewer sectors, 5.2 times less predicted time
               3   one warp per row: 9.4 times fewer turns, no barriers, 2.4 times less predicted time
               4   four values at once
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung, uint32
from kernels.gpu.reduce import WARP, block_max, block_sum, compensated, warp_max, warp_sum
from kernels.gpu.vectors import load_four, store_four, thread_number
from kernels.operations.rows import exponential, rows_in_fours

BLOCK = 256
WARPS = 4

# Rung 1: one thread for each value of the result.


@kernel
def forward_direct(x, y, *, BLOCK=BLOCK):
    """One thread per output: it finds its row's largest value and sum by itself, as all the others of the row do."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        r = n // y.shape[1]
        c = n % y.shape[1]
        largest = float32(-math.inf)
        for other in range(x.shape[1]):
            largest = max(largest, x[r, other])
        total, lost = float32(0), float32(0)
        for other in range(x.shape[1]):
            total, lost = compensated(total, lost, math.exp(x[r, other] - largest))
        y[r, c] = math.exp(x[r, c] - largest) / total


@kernel
def backward_direct(dy, y, dx, *, BLOCK=BLOCK):
    """One thread per input value: it adds up dy y over its row by itself."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        r = n // dx.shape[1]
        c = n % dx.shape[1]
        total, lost = float32(0), float32(0)
        for other in range(dx.shape[1]):
            total, lost = compensated(total, lost, dy[r, other] * y[r, other])
        dx[r, c] = y[r, c] * (dy[r, c] - total)


# Rung 2: one block for each row.


@kernel
def forward_block(x, y, *, BLOCK=BLOCK):
    """One block per row: its threads take turns over the row, and meet twice to agree on largest value and sum."""
    shared = cuda.shared.array(BLOCK, float32)
    r, thread = cuda.blockIdx.x, cuda.threadIdx.x
    largest = float32(-math.inf)
    for c in range(thread, x.shape[1], BLOCK):
        largest = max(largest, x[r, c])
    largest = block_max(largest, shared)
    total = float32(0)
    for c in range(thread, x.shape[1], BLOCK):
        total += math.exp(x[r, c] - largest)
    total = block_sum(total, shared)
    for c in range(thread, x.shape[1], BLOCK):
        y[r, c] = math.exp(x[r, c] - largest) / total


@kernel
def backward_block(dy, y, dx, *, BLOCK=BLOCK):
    """One block per row: its threads take turns over the row, and meet once to agree on the sum."""
    shared = cuda.shared.array(BLOCK, float32)
    r, thread = cuda.blockIdx.x, cuda.threadIdx.x
    total = float32(0)
    for c in range(thread, dx.shape[1], BLOCK):
        total += dy[r, c] * y[r, c]
    total = block_sum(total, shared)
    for c in range(thread, dx.shape[1], BLOCK):
        dx[r, c] = y[r, c] * (dy[r, c] - total)


# Rung 3: one warp for each row.


@kernel
def forward_warp(x, y, *, WARPS=WARPS):
    """One warp per row: its threads take turns over the row, and agree through their registers."""
    lane = cuda.threadIdx.x % WARP
    r = cuda.blockIdx.x * WARPS + cuda.threadIdx.x // WARP
    if r < x.shape[0]:  # true or false for a whole warp, whose threads must stay together
        largest = float32(-math.inf)
        for c in range(lane, x.shape[1], WARP):
            largest = max(largest, x[r, c])
        largest = warp_max(largest)
        total = float32(0)
        for c in range(lane, x.shape[1], WARP):
            total += math.exp(x[r, c] - largest)
        total = warp_sum(total)
        for c in range(lane, x.shape[1], WARP):
            y[r, c] = math.exp(x[r, c] - largest) / total


@kernel
def backward_warp(dy, y, dx, *, WARPS=WARPS):
    """One warp per row: its threads take turns over the row, and agree through their registers."""
    lane = cuda.threadIdx.x % WARP
    r = cuda.blockIdx.x * WARPS + cuda.threadIdx.x // WARP
    if r < dx.shape[0]:  # true or false for a whole warp, whose threads must stay together
        total = float32(0)
        for c in range(lane, dx.shape[1], WARP):
            total += dy[r, c] * y[r, c]
        total = warp_sum(total)
        for c in range(lane, dx.shape[1], WARP):
            dx[r, c] = y[r, c] * (dy[r, c] - total)


# Rung 4: four values at once. A row has `groups` of four, x and y are flat.


@kernel
def forward_fours(x, y, rows, groups, *, WARPS=WARPS):
    """One warp per row. A value's exponential is computed once: in y it waits until the sum is known."""
    four = cuda.local.array(4, float32)
    thread = thread_number(WARPS * WARP)
    r, lane = uint32(thread // WARP), uint32(thread % WARP)
    if r < rows:  # true or false for a whole warp, whose threads must stay together
        first, past = uint32(r * groups + lane), uint32(r * groups + groups)
        largest = float32(-math.inf)
        n = first
        while n < past:
            load_four(x, n, four)
            for k in range(4):
                largest = max(largest, four[k])
            n = uint32(n + WARP)
        largest = warp_max(largest)
        total = float32(0)
        n = first
        while n < past:
            load_four(x, n, four)
            for k in range(4):
                four[k] = exponential(four[k] - largest)
                total += four[k]
            store_four(y, n, four)
            n = uint32(n + WARP)
        share = float32(1) / warp_sum(total)
        n = first
        while n < past:
            load_four(y, n, four)
            for k in range(4):
                four[k] *= share
            store_four(y, n, four)
            n = uint32(n + WARP)


@kernel
def backward_fours(dy, y, dx, rows, groups, *, WARPS=WARPS):
    """One warp per row, whose threads take four values of each array at once."""
    d, p = cuda.local.array(4, float32), cuda.local.array(4, float32)
    thread = thread_number(WARPS * WARP)
    r, lane = uint32(thread // WARP), uint32(thread % WARP)
    if r < rows:  # true or false for a whole warp, whose threads must stay together
        first, past = uint32(r * groups + lane), uint32(r * groups + groups)
        total = float32(0)
        n = first
        while n < past:
            load_four(dy, n, d)
            load_four(y, n, p)
            for k in range(4):
                total += d[k] * p[k]
            n = uint32(n + WARP)
        total = warp_sum(total)
        n = first
        while n < past:
            load_four(dy, n, d)
            load_four(y, n, p)
            for k in range(4):
                d[k] = p[k] * (d[k] - total)
            store_four(dx, n, d)
            n = uint32(n + WARP)


# The rungs: what they add, and how they are launched.


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(x, y, *, BLOCK=BLOCK):
    """One thread per output: eq. 54 word for word."""
    return [forward_direct(BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](x, y)]


@rung(registers=32, tiny={"BLOCK": 4})
def forward_2(x, y, *, BLOCK=BLOCK):
    """One block per row: largest value and sum are found once, by a tree in shared memory.

    By the x-ray: 3.4 times fewer sectors, 1.3 times fewer flops and 2.7 times less predicted time, for 9.2 times more
    turns.
    """
    return [forward_block(BLOCK=BLOCK)[x.shape[0], BLOCK](x, y)]


@rung(registers=32, tiny={"WARPS": 2})
def forward_3(x, y, *, WARPS=WARPS):
    """One warp per row: shuffles need no shared memory and no barrier, and short rows leave fewer threads idle.

    By the x-ray: 22 times fewer turns, 1.5 times fewer flops, no barriers and 5.7 times less predicted time.
    """
    return [forward_warp(WARPS=WARPS)[math.ceil(x.shape[0] / WARPS), WARPS * WARP](x, y)]


@rung(registers=32, tiny={"WARPS": 2})
def forward_4(x, y, *, WARPS=WARPS):
    """Four values at once: 16 bytes a lane, a quarter of the addresses; and each exponential computed once.

    Of the typical case, whose rows are no whole fours, no count changes.

    Where a row is no whole number of fours, rung 3 remains.
    """
    if not (sizes := rows_in_fours(x, y)):
        return forward_3(x, y, WARPS=WARPS)
    fours = forward_fours(WARPS=WARPS)[math.ceil(x.shape[0] / WARPS), WARPS * WARP]
    return [fours(x.reshape(-1), y.reshape(-1), *sizes)]


@rung(registers=40, tiny={"BLOCK": 8})
def backward_1(dy, y, dx, *, BLOCK=BLOCK):
    """One thread per input value: eq. 55 as corrected."""
    return [backward_direct(BLOCK=BLOCK)[math.ceil(dx.size / BLOCK), BLOCK](dy, y, dx)]


@rung(registers=32, tiny={"BLOCK": 4})
def backward_2(dy, y, dx, *, BLOCK=BLOCK):
    """One block per row: the sum is found once, by a tree in shared memory.

    By the x-ray: 2.9 times fewer sectors, 1.8 times fewer flops and 5.2 times less predicted time, for 4.8 times more
    turns.
    """
    return [backward_block(BLOCK=BLOCK)[dx.shape[0], BLOCK](dy, y, dx)]


@rung(registers=32, tiny={"WARPS": 2})
def backward_3(dy, y, dx, *, WARPS=WARPS):
    """One warp per row: the sum is found by shuffles.

    By the x-ray: 9.4 times fewer turns, 1.5 times fewer flops, no barriers and 2.4 times less predicted time.
    """
    return [backward_warp(WARPS=WARPS)[math.ceil(dx.shape[0] / WARPS), WARPS * WARP](dy, y, dx)]


@rung(registers=32, tiny={"WARPS": 2})
def backward_4(dy, y, dx, *, WARPS=WARPS):
    """Four values at once: 16 bytes a lane, a quarter of the addresses.

    Of the typical case, whose rows are no whole fours, no count changes.

    Where a row is no whole number of fours, rung 3 remains.
    """
    if not (sizes := rows_in_fours(dx, dy, y)):
        return backward_3(dy, y, dx, WARPS=WARPS)
    fours = backward_fours(WARPS=WARPS)[math.ceil(dx.shape[0] / WARPS), WARPS * WARP]
    return [fours(dy.reshape(-1), y.reshape(-1), dx.reshape(-1), *sizes)]


forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4)
backward = Ladder("backward", backward_1, backward_2, backward_3, backward_4)
