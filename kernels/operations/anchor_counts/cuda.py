"""How many anchors take part, and how many stand for a face, on a GPU, a ladder of two rungs.

Shapes as in reference.py. The levels stand along the grid's y.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per level
              2   one block per level: 57 times fewer turns, 57 times less predicted time
"""

from kernels.gpu import Ladder, rung
from kernels.operations.assign_targets.cuda import BLOCK, Pyramid, count_level, count_part


@rung(registers=32)
def forward_1(matched, counts, levels):
    """One thread per level counts, word for word."""
    pyramid = Pyramid(matched, "anchors", levels, BLOCK)
    return [count_level(**pyramid.bounds)[(1, pyramid.count), 1](matched, counts.reshape(-1, 1, 2))]


@rung(registers=48, tiny={"BLOCK": 8})
def forward_2(matched, counts, levels, *, BLOCK=BLOCK):
    """One block per level counts: its threads stride through the level, and their counts meet in a tree.

    By the x-ray: 19 times fewer sectors, 57 times fewer turns and 57 times less predicted time.
    """
    pyramid = Pyramid(matched, "anchors", levels, BLOCK)
    count = count_part(**pyramid.bounds, BLOCK=BLOCK)
    return [count[(1, pyramid.count), BLOCK](matched, counts.reshape(-1, 1, 2))]


forward = Ladder("forward", forward_1, forward_2)
