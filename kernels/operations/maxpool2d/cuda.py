"""Max pooling on a GPU, two rungs each way. Source: Zozoulenko (2018), eq. 34 and 36.

Shapes as in reference.py. Backward gathers: each input value looks up the windows that cover it and
collects the delta-errors of those it won. Scattering would need atomics, and their order changes from
run to run.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per output
               2   four windows at once
    backward   1   one thread per input value, gathering
               2   four windows at once
"""

import math

import numpy as np

from kernels.gpu import Ladder, cuda, float32, int32, kernel, rung, uint32
from kernels.gpu.index import first_window, last_window, unravel
from kernels.gpu.vectors import ENOUGH, first_groups, load_four, store_four, thread_number
from kernels.operations.windows import first_of, side_by_side

BLOCK = 256


@kernel
def forward_direct(x, y, winner, window_h, window_w, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per output: it scans its window row by row, so the first of equal values wins, but the last NaN."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < y.size:
        H, W = x.shape[2], x.shape[3]
        r, c, h_out, w_out = unravel(n, y.shape[1], y.shape[2], y.shape[3])
        top = h_out * stride_h - pad_h
        left = w_out * stride_w - pad_w
        best = float32(-math.inf)
        where = max(top, 0) * W + max(left, 0)
        for h in range(max(top, 0), min(top + window_h, H)):
            for w in range(max(left, 0), min(left + window_w, W)):
                value = x[r, c, h, w]
                # value != value is true of NaN alone, which must win: see cpu.py.
                if value > best or value != value:
                    best = value
                    where = h * W + w
        y[r, c, h_out, w_out] = best
        winner[r, c, h_out, w_out] = int32(where)


@kernel
def backward_gather(dy, winner, dx, window_h, window_w, stride_h, stride_w, pad_h, pad_w, *, BLOCK=BLOCK):
    """One thread per input value: it collects the delta-errors of the windows it won, in row-major order."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < dx.size:
        W = dx.shape[3]
        r, c, h, w = unravel(n, dx.shape[1], dx.shape[2], W)
        first_h, last_h = first_window(h, window_h, stride_h, pad_h), last_window(h, stride_h, pad_h, dy.shape[2])
        first_w, last_w = first_window(w, window_w, stride_w, pad_w), last_window(w, stride_w, pad_w, dy.shape[3])
        total = float32(0)
        for h_out in range(first_h, last_h + 1):
            for w_out in range(first_w, last_w + 1):
                if winner[r, c, h_out, w_out] == h * W + w:
                    total += dy[r, c, h_out, w_out]
        dx[r, c, h, w] = total


# Four windows at once, where they stand side by side: see kernels/operations/windows.py. All arrays are flat; H_out are
# the rows of a plane of y. The launch has a thread for each group of the first planes. A thread goes on to the same
# place of the planes `step` groups further, and so divides but once.


@kernel
def forward_fours(x, y, winner, count, groups, H_out, step, *, WINDOW=(2, 2), BLOCK=BLOCK):
    """One thread per four outputs, and the same of other planes: it scans their windows as `forward_direct` does.

    What is compared stays: each value of a window but the first with the best and with itself, which with two choices
    is 5 instructions; for windows of 2 x 2 that is 2.5 for 4 bytes, and 0.25 load or store.
    """
    four, best, where = cuda.local.array(4, float32), cuda.local.array(4, float32), cuda.local.array(4, int32)
    n = thread_number(BLOCK)
    if n < step:
        row = uint32(n // groups)
        column = uint32(n - row * groups)
        first = first_of(row, column, groups, WINDOW[0], WINDOW[1])
        width = uint32(4 * WINDOW[1] * groups)  # of a row of x
        corner = uint32(row % H_out * WINDOW[0] * width + 4 * WINDOW[1] * column)  # of the first window, in its plane
        while n < count:
            for j in range(WINDOW[0]):
                for i in range(WINDOW[1]):
                    load_four(x, first + j * groups * WINDOW[1] + i, four)
                    for k in range(4):
                        o = (4 * i + k) // WINDOW[1]  # the output to whose window the value belongs
                        is_corner = j == 0 and (4 * i + k) % WINDOW[1] == 0
                        if is_corner or four[k] > best[o] or four[k] != four[k]:
                            best[o] = four[k]
                            where[o] = int32(j * width + (4 * i + k) % WINDOW[1])  # from the corner of the window
            for o in range(4):
                where[o] += int32(corner + WINDOW[1] * o)
            store_four(y, n, best)
            store_four(winner, n, where)
            n, first = uint32(n + step), uint32(first + step * WINDOW[0] * WINDOW[1])


@kernel
def backward_fours(dy, winner, dx, count, groups, H_out, step, *, WINDOW=(2, 2), BLOCK=BLOCK):
    """One thread per four delta-errors, and the same of other planes: each goes to the value of its window that won."""
    four, delta, where = cuda.local.array(4, float32), cuda.local.array(4, float32), cuda.local.array(4, int32)
    n = thread_number(BLOCK)
    if n < step:
        row = uint32(n // groups)
        column = uint32(n - row * groups)
        first = first_of(row, column, groups, WINDOW[0], WINDOW[1])
        width = uint32(4 * WINDOW[1] * groups)
        corner = uint32(row % H_out * WINDOW[0] * width + 4 * WINDOW[1] * column)
        while n < count:
            load_four(dy, n, delta)
            load_four(winner, n, where)
            for o in range(4):
                where[o] -= int32(corner + WINDOW[1] * o)  # now from the corner of the window
            for j in range(WINDOW[0]):
                for i in range(WINDOW[1]):
                    for k in range(4):
                        o = (4 * i + k) // WINDOW[1]
                        is_winner = where[o] == int32(j * width + (4 * i + k) % WINDOW[1])
                        four[k] = delta[o] if is_winner else float32(0)
                    store_four(dx, first + j * groups * WINDOW[1] + i, four)
            n, first = uint32(n + step), uint32(first + step * WINDOW[0] * WINDOW[1])


def over_planes(kernel, small, sizes, BLOCK, ENOUGH):
    """(launch of a kernel over the first planes of the smaller array, what it is told of it)."""
    (count, groups), H_out = sizes, small.shape[2]
    step = first_groups(int(count), int(groups) * H_out, ENOUGH)
    return kernel[math.ceil(step / BLOCK), BLOCK], (count, groups, np.uint32(H_out), np.uint32(step))


@rung(registers=64, tiny={"BLOCK": 8})
def forward_1(x, y, winner, window, stride, padding, *, BLOCK=BLOCK):
    """One thread per output: eq. 34 word for word."""
    blocks = math.ceil(y.size / BLOCK)
    return [forward_direct(BLOCK=BLOCK)[blocks, BLOCK](x, y, winner, *window, *stride, *padding)]


@rung(registers=80, tiny={"BLOCK": 8})
def backward_1(dy, winner, dx, window, stride, padding, *, BLOCK=BLOCK):
    """One thread per input value, gathering: no atomics, so runs repeat bit for bit."""
    blocks = math.ceil(dx.size / BLOCK)
    return [backward_gather(BLOCK=BLOCK)[blocks, BLOCK](dy, winner, dx, *window, *stride, *padding)]


@rung(registers=48, tiny={"BLOCK": 8, "ENOUGH": 8})
def forward_2(x, y, winner, window, stride, padding, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four windows at once: a thread reads and writes 16 bytes at a time, and divides twice for where it stands.

    By the x-ray: 1.1 times fewer turns and 14 times fewer instructions.

    Where windows do not stand side by side, or rows of them are no whole fours, rung 1 remains.
    """
    if not (sizes := side_by_side(x, y, window, stride, padding, (winner,))):
        return forward_1(x, y, winner, window, stride, padding, BLOCK=BLOCK)
    fours, told = over_planes(forward_fours(WINDOW=window, BLOCK=BLOCK), y, sizes, BLOCK, ENOUGH)
    return [fours(x.reshape(-1), y.reshape(-1), winner.reshape(-1), *told)]


@rung(registers=48, tiny={"BLOCK": 8, "ENOUGH": 8})
def backward_2(dy, winner, dx, window, stride, padding, *, BLOCK=BLOCK, ENOUGH=ENOUGH):
    """Four windows at once: a thread reads and writes 16 bytes at a time, and looks for no window.

    By the x-ray: no flops and 79 times fewer instructions, for 1.2 times more sectors and 1.3 times more turns.

    Where windows do not stand side by side, or rows of them are no whole fours, rung 1 remains.
    """
    if not (sizes := side_by_side(dx, dy, window, stride, padding, (winner,))):
        return backward_1(dy, winner, dx, window, stride, padding, BLOCK=BLOCK)
    fours, told = over_planes(backward_fours(WINDOW=window, BLOCK=BLOCK), dy, sizes, BLOCK, ENOUGH)
    return [fours(dy.reshape(-1), winner.reshape(-1), dx.reshape(-1), *told)]


forward = Ladder("forward", forward_1, forward_2)
backward = Ladder("backward", backward_1, backward_2)
