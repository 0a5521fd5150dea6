"""Cross entropy on a GPU, a ladder of three rungs, with the kernels of kernels/operations/loss.

Source: Zozoulenko (2018), eq. 56-57. Shapes as in reference.py.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per row
               2   one block per row: 4.0 times fewer sectors, 5.8 times less predicted time
               3   one warp per row: 16 times fewer turns, no barriers, 2.2 times less predicted time
    backward   1   one thread per probability: nothing to climb, each is on its own
"""

import math

from kernels.gpu import Ladder, device, float32, rung
from kernels.gpu.reduce import WARP
from kernels.operations.cross_entropy import functions
from kernels.operations.loss.cuda import BLOCK, slope_each, sum_by_block, sum_by_thread, sum_by_warp

TERM = device(functions.cross_entropy)
SLOPE = device(functions.cross_entropy_slope)
ONE = float32(1)


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(p, target, y, *, BLOCK=BLOCK):
    """One thread per row: eq. 56 word for word."""
    return [sum_by_thread(TERM=TERM, BLOCK=BLOCK)[math.ceil(p.shape[0] / BLOCK), BLOCK](p, target, y, ONE)]


@rung(registers=32, tiny={"BLOCK": 8})
def forward_2(p, target, y, *, BLOCK=BLOCK):
    """A block per row, reducing as a tree in shared memory: a long row no longer waits for one thread.

    By the x-ray: 4.0 times fewer sectors and 5.8 times less predicted time, for 8.6 times more turns and 4.1 times more
    flops.
    """
    return [sum_by_block(TERM=TERM, BLOCK=BLOCK)[p.shape[0], BLOCK](p, target, y, ONE)]


@rung(registers=32, tiny={"BLOCK": 2 * WARP})
def forward_3(p, target, y, *, BLOCK=BLOCK):
    """A warp per row, reducing by shuffles: no barrier and no shared memory, and short rows fill more of a block.

    By the x-ray: 16 times fewer turns, 1.6 times fewer flops, no barriers and 2.2 times less predicted time.
    """
    return [sum_by_warp(TERM=TERM, BLOCK=BLOCK)[math.ceil(p.shape[0] * WARP / BLOCK), BLOCK](p, target, y, ONE)]


@rung(registers=32, tiny={"BLOCK": 8})
def backward_1(dy, p, target, dp, *, BLOCK=BLOCK):
    """One thread per probability: eq. 57 word for word."""
    return [slope_each(SLOPE=SLOPE, BLOCK=BLOCK)[math.ceil(p.size / BLOCK), BLOCK](dy, p, target, dp, ONE)]


forward = Ladder("forward", forward_1, forward_2, forward_3)
backward = Ladder("backward", backward_1)
