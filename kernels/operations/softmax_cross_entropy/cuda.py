"""Softmax and cross entropy in one, on a GPU: a ladder of four rungs forward, three backward.

Source: Zozoulenko (2018), eq. 54-57. Shapes as in reference.py. A NaN may get lost when threads compare values,
but its own exponential is NaN and so is the row's sum.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per row
               2   one block per row: 4.4 times fewer sectors, 7.6 times less predicted time
               3   one warp per row: 15 times fewer turns, no barriers, 2.1 times less predicted time
               4   four values at once
    backward   1   one thread per row
               2   one warp per row: 4.6 times fewer sectors, 16 times less predicted time
               3   four values at once
"""

import math

from kernels.gpu import Ladder, cuda, float32, kernel, rung, uint32
from kernels.gpu.reduce import WARP, block_max, block_sum, compensated, warp_max, warp_sum
from kernels.gpu.vectors import load_four, store_four, thread_number
from kernels.operations.rows import exponential, groups_each, rows_in_fours

BLOCK = 256


@kernel
def forward_thread(x, target, y, p, *, BLOCK=BLOCK):
    """One thread per row: its largest value, the exponentials and their sum, the loss."""
    R, C = x.shape
    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if r < R:
        largest = x[r, 0]
        for c in range(1, C):
            largest = max(largest, x[r, c])
        total, lost = float32(0), float32(0)
        for c in range(C):
            e = math.exp(x[r, c] - largest)
            p[r, c] = e
            total, lost = compensated(total, lost, e)
        log_total = math.log(total)
        loss = float32(0) * total  # a row with a NaN stays NaN, even where it has no target
        lost = float32(0)
        for c in range(C):
            p[r, c] /= total
            if target[r, c] != float32(0):
                loss, lost = compensated(loss, lost, target[r, c] * (log_total - (x[r, c] - largest)))
        y[r] = loss


@kernel
def forward_block(x, target, y, p, *, BLOCK=BLOCK):
    """One block per row: its threads stride through the classes and meet in shared memory three times."""
    C = x.shape[1]
    r = cuda.blockIdx.x
    thread = cuda.threadIdx.x
    shared = cuda.shared.array(BLOCK, float32)
    largest = float32(-math.inf)
    for c in range(thread, C, BLOCK):
        largest = max(largest, x[r, c])
    largest = block_max(largest, shared)
    total = float32(0)
    for c in range(thread, C, BLOCK):
        e = math.exp(x[r, c] - largest)
        p[r, c] = e
        total += e
    total = block_sum(total, shared)
    log_total = math.log(total)
    loss = float32(0) * total
    for c in range(thread, C, BLOCK):
        p[r, c] /= total
        if target[r, c] != float32(0):
            loss += target[r, c] * (log_total - (x[r, c] - largest))
    loss = block_sum(loss, shared)
    if thread == 0:
        y[r] = loss


@kernel
def forward_warp(x, target, y, p, *, BLOCK=BLOCK):
    """One warp per row: its lanes stride through the classes and meet by shuffles."""
    R, C = x.shape
    r = (cuda.blockIdx.x * BLOCK + cuda.threadIdx.x) // WARP
    lane = cuda.threadIdx.x % WARP
    if r < R:  # true for a whole warp or none of it, so that all lanes shuffle
        largest = float32(-math.inf)
        for c in range(lane, C, WARP):
            largest = max(largest, x[r, c])
        largest = warp_max(largest)
        total = float32(0)
        for c in range(lane, C, WARP):
            e = math.exp(x[r, c] - largest)
            p[r, c] = e
            total += e
        total = warp_sum(total)
        log_total = math.log(total)
        loss = float32(0) * total
        for c in range(lane, C, WARP):
            p[r, c] /= total
            if target[r, c] != float32(0):
                loss += target[r, c] * (log_total - (x[r, c] - largest))
        loss = warp_sum(loss)
        if lane == 0:
            y[r] = loss


@kernel
def backward_thread(dy, target, p, dx, *, BLOCK=BLOCK):
    """One thread per row: the sum of its target, then dx value by value."""
    R, C = p.shape
    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if r < R:
        total, lost = float32(0), float32(0)
        for c in range(C):
            total, lost = compensated(total, lost, target[r, c])
        for c in range(C):
            dx[r, c] = dy[r] * (p[r, c] * total - target[r, c])


@kernel
def backward_warp(dy, target, p, dx, *, BLOCK=BLOCK):
    """One warp per row: neighbouring lanes read and write neighbouring values."""
    R, C = p.shape
    r = (cuda.blockIdx.x * BLOCK + cuda.threadIdx.x) // WARP
    lane = cuda.threadIdx.x % WARP
    if r < R:
        total = float32(0)
        for c in range(lane, C, WARP):
            total += target[r, c]
        total = warp_sum(total)
        for c in range(lane, C, WARP):
            dx[r, c] = dy[r] * (p[r, c] * total - target[r, c])


# Four values at once. A row has `groups` of four, and all arrays are flat.


@kernel
def forward_fours(x, target, y, p, rows, groups, *, EACH=1, BLOCK=BLOCK):
    """One warp per row, whose lanes take EACH groups at a turn. Of x only what has a target is read a third time."""
    four, wanted = cuda.local.array(4, float32), cuda.local.array(4, float32)
    thread = thread_number(BLOCK)
    r, lane = uint32(thread // WARP), uint32(thread % WARP)
    if r < rows:  # true for a whole warp or none of it, so that all lanes shuffle
        first, past = uint32(r * groups + lane), uint32(r * groups + groups)
        largest = float32(-math.inf)
        n = first
        while n < past:
            for turn in range(EACH):
                load_four(x, n + turn * WARP, four)
                for k in range(4):
                    largest = max(largest, four[k])
            n = uint32(n + EACH * WARP)
        largest = warp_max(largest)
        total = float32(0)
        n = first
        while n < past:
            for turn in range(EACH):
                load_four(x, n + turn * WARP, four)
                for k in range(4):
                    four[k] = exponential(four[k] - largest)
                    total += four[k]
                store_four(p, n + turn * WARP, four)
            n = uint32(n + EACH * WARP)
        total = warp_sum(total)
        log_total = math.log(total)
        share = float32(1) / total
        loss = float32(0) * total
        n = first
        while n < past:
            for turn in range(EACH):
                load_four(p, n + turn * WARP, four)
                load_four(target, n + turn * WARP, wanted)
                for k in range(4):
                    four[k] *= share
                    if wanted[k] != float32(0):
                        loss += wanted[k] * (log_total - (x[4 * (n + turn * WARP) + k] - largest))
                store_four(p, n + turn * WARP, four)
            n = uint32(n + EACH * WARP)
        loss = warp_sum(loss)
        if lane == 0:
            y[r] = loss


@kernel
def backward_fours(dy, target, p, dx, rows, groups, *, BLOCK=BLOCK):
    """One warp per row, whose lanes take four values of each array at once."""
    four, wanted = cuda.local.array(4, float32), cuda.local.array(4, float32)
    thread = thread_number(BLOCK)
    r, lane = uint32(thread // WARP), uint32(thread % WARP)
    if r < rows:
        first, past = uint32(r * groups + lane), uint32(r * groups + groups)
        total = float32(0)
        n = first
        while n < past:
            load_four(target, n, wanted)
            for k in range(4):
                total += wanted[k]
            n = uint32(n + WARP)
        total = warp_sum(total)
        d = dy[r]
        n = first
        while n < past:
            load_four(p, n, four)
            load_four(target, n, wanted)
            for k in range(4):
                four[k] = d * (four[k] * total - wanted[k])
            store_four(dx, n, four)
            n = uint32(n + WARP)


@rung(registers=32, tiny={"BLOCK": 4})
def forward_1(x, target, y, p, *, BLOCK=BLOCK):
    """One thread per row: eq. 54 and 56 word for word, but for the shift by the largest value."""
    return [forward_thread(BLOCK=BLOCK)[math.ceil(x.shape[0] / BLOCK), BLOCK](x, target, y, p)]


@rung(registers=40, tiny={"BLOCK": 8})
def forward_2(x, target, y, p, *, BLOCK=BLOCK):
    """A block per row, reducing as a tree in shared memory: a long row no longer waits for one thread.

    By the x-ray: 4.4 times fewer sectors and 7.6 times less predicted time, for 6.6 times more turns and 9.7 times more
    flops.
    """
    return [forward_block(BLOCK=BLOCK)[x.shape[0], BLOCK](x, target, y, p)]


@rung(registers=48, tiny={"BLOCK": 2 * WARP})
def forward_3(x, target, y, p, *, BLOCK=BLOCK):
    """A warp per row, reducing by shuffles: no barrier and no shared memory, and short rows fill more of a block.

    By the x-ray: 15 times fewer turns, 2.2 times fewer flops, no barriers and 2.1 times less predicted time.
    """
    return [forward_warp(BLOCK=BLOCK)[math.ceil(x.shape[0] * WARP / BLOCK), BLOCK](x, target, y, p)]


@rung(registers=48, tiny={"BLOCK": 2 * WARP})
def forward_4(x, target, y, p, *, BLOCK=BLOCK):
    """Four values at once: 16 bytes a lane, a quarter of the addresses; and exponentials as powers of two.

    Of the typical case, whose rows are no whole fours, no count changes.

    Where a row is no whole number of fours, rung 3 remains.
    """
    if not (sizes := rows_in_fours(x, target, p)):
        return forward_3(x, target, y, p, BLOCK=BLOCK)
    fours = forward_fours(EACH=groups_each(sizes[1]), BLOCK=BLOCK)[math.ceil(x.shape[0] * WARP / BLOCK), BLOCK]
    return [fours(x.reshape(-1), target.reshape(-1), y, p.reshape(-1), *sizes)]


@rung(registers=32, tiny={"BLOCK": 4})
def backward_1(dy, target, p, dx, *, BLOCK=BLOCK):
    """One thread per row."""
    return [backward_thread(BLOCK=BLOCK)[math.ceil(p.shape[0] / BLOCK), BLOCK](dy, target, p, dx)]


@rung(registers=32, tiny={"BLOCK": 2 * WARP})
def backward_2(dy, target, p, dx, *, BLOCK=BLOCK):
    """A warp per row: coalesced, and the sum of the target by shuffles.

    By the x-ray: 4.6 times fewer sectors, 2.2 times fewer turns and 16 times less predicted time, for 2.9 times more
    flops.
    """
    return [backward_warp(BLOCK=BLOCK)[math.ceil(p.shape[0] * WARP / BLOCK), BLOCK](dy, target, p, dx)]


@rung(registers=40, tiny={"BLOCK": 2 * WARP})
def backward_3(dy, target, p, dx, *, BLOCK=BLOCK):
    """Four values at once: 16 bytes a lane, a quarter of the addresses.

    Of the typical case, whose rows are no whole fours, no count changes.

    Where a row is no whole number of fours, rung 2 remains.
    """
    if not (sizes := rows_in_fours(p, target, dx)):
        return backward_2(dy, target, p, dx, BLOCK=BLOCK)
    fours = backward_fours(BLOCK=BLOCK)[math.ceil(p.shape[0] * WARP / BLOCK), BLOCK]
    return [fours(dy, target.reshape(-1), p.reshape(-1), dx.reshape(-1), *sizes)]


forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4)
backward = Ladder("backward", backward_1, backward_2, backward_3)
