"""What pooling and upsampling share on a GPU: windows that stand side by side, four of them taken at once.

Where windows neither overlap nor leave gaps, each value belongs to one. Then a thread can take a group of four outputs,
and all of their windows: WINDOW[0] rows of WINDOW[1] groups. It asks for 16 bytes at a time, and where it stands takes
one division. Windows are compile-time parameters, so that no loop over them is left.

In a flat array, the rows of all planes follow each other: row i of the smaller array has rows i * WINDOW[0] and on of
the larger one. `groups` are those of a row of the smaller array.
"""

import math

import numpy as np

from kernels.gpu import cuda, device, float32, kernel, uint32
from kernels.gpu.vectors import FOUR, in_fours, load_four, store_four, thread_number

BLOCK = 256
LARGEST = 16  # values of a window, for which the loops are written out


def side_by_side(large, small, window, stride=None, padding=(0, 0), others=()):
    """What the kernels are told of two arrays (R, C, H, W), one of which is cut into windows and the other has a value
    for each: (groups of the smaller array, groups of a row of it); None where the windows do not stand so.
    """
    fits = all(n == k * m for n, k, m in zip(large.shape[2:], window, small.shape[2:], strict=True))
    if not fits or (stride or window) != window or any(padding) or math.prod(window) > LARGEST:
        return None
    if small.shape[3] % FOUR or not in_fours(large, small, *others):
        return None
    return np.uint32(small.size // FOUR), np.uint32(small.shape[3] // FOUR)


@device
def first_of(row, column, groups, rows, columns):
    """The first group of the larger array that belongs to group `column` of a row of the smaller one."""
    return uint32((row * rows * groups + column) * columns)


@kernel
def sum_windows(x, y, count, groups, *, WINDOW=(2, 2), DIVISOR=1, BLOCK=BLOCK):
    """One thread per four outputs: the sums of their windows, row by row, divided by DIVISOR."""
    four, of_row, total = cuda.local.array(4, float32), cuda.local.array(4, float32), cuda.local.array(4, float32)
    n = thread_number(BLOCK)
    if n < count:
        row = uint32(n // groups)
        first = first_of(row, uint32(n - row * groups), groups, WINDOW[0], WINDOW[1])
        for j in range(WINDOW[0]):
            for i in range(WINDOW[1]):
                load_four(x, first + j * groups * WINDOW[1] + i, four)
                for k in range(4):
                    o = (4 * i + k) // WINDOW[1]  # the output to whose window the value belongs
                    of_row[o] = four[k] if (4 * i + k) % WINDOW[1] == 0 else of_row[o] + four[k]
            for o in range(4):
                total[o] = of_row[o] if j == 0 else total[o] + of_row[o]
        for o in range(4):
            total[o] /= float32(DIVISOR)
        store_four(y, n, total)


@kernel
def spread_windows(dy, dx, count, groups, *, WINDOW=(2, 2), DIVISOR=1, BLOCK=BLOCK):
    """One thread per four delta-errors: each, divided by DIVISOR, goes to all values of its window."""
    four, delta = cuda.local.array(4, float32), cuda.local.array(4, float32)
    n = thread_number(BLOCK)
    if n < count:
        row = uint32(n // groups)
        first = first_of(row, uint32(n - row * groups), groups, WINDOW[0], WINDOW[1])
        load_four(dy, n, delta)
        for o in range(4):
            delta[o] /= float32(DIVISOR)
        for j in range(WINDOW[0]):
            for i in range(WINDOW[1]):
                for k in range(4):
                    four[k] = delta[(4 * i + k) // WINDOW[1]]
                store_four(dx, first + j * groups * WINDOW[1] + i, four)
