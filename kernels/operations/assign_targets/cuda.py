"""Targets of the detector's loss on a GPU, a ladder of three rungs. Source: Zozoulenko (2018), eq. 61.

Shapes as in reference.py. First all anchors of a level are counted, in one or more parts, then all are written. The
levels stand along the grid's y. Counts are integers, so that their order does not matter.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per level counts, one per anchor writes
              2   one block per level counts: 8.6 times fewer turns, 32 times less predicted time
              3   many blocks per level count: 1.4 times less predicted time
"""

import itertools
import math

from kernels.gpu import Ladder, cuda, device, float32, int32, kernel, rung, scratch
from kernels.gpu.reduce import WARP, block_sum, block_sum_of_warps
from kernels.operations.labels import BACKGROUND

BLOCK = 256
MOST_PARTS = 64


@kernel
def count_level(matched, counts, *, BOUNDS=(0, 1)):
    """One thread per level: it counts, picture by picture, the anchors that take part and those that are positive."""
    level = cuda.blockIdx.y
    taking_part = int32(0)
    positive = int32(0)
    for r in range(matched.shape[0]):
        for n in range(BOUNDS[level], BOUNDS[level + 1]):
            if matched[r, n] >= BACKGROUND:
                taking_part += 1
            if matched[r, n] >= 0:
                positive += 1
    counts[level, 0, 0] = taking_part
    counts[level, 0, 1] = positive


@kernel
def count_part(matched, counts, *, BOUNDS=(0, 1), SUM=block_sum, BLOCK=BLOCK):
    """One part of a level per block: its threads stride through the level, then their counts meet in the block."""
    shared = cuda.shared.array(BLOCK, int32)
    level, part = cuda.blockIdx.y, cuda.blockIdx.x
    begin = BOUNDS[level]
    size = BOUNDS[level + 1] - begin
    taking_part = int32(0)
    positive = int32(0)
    for i in range(part * BLOCK + cuda.threadIdx.x, matched.shape[0] * size, cuda.gridDim.x * BLOCK):
        face = matched[i // size, begin + i % size]
        if face >= BACKGROUND:
            taking_part += 1
        if face >= 0:
            positive += 1
    taking_part = SUM(taking_part, shared)
    positive = SUM(positive, shared)
    if cuda.threadIdx.x == 0:
        counts[level, part, 0] = taking_part
        counts[level, part, 1] = positive


@device
def write(face, target, weight, r, n, share_c, share_r):
    """Target and weight of one anchor, given its level's shares of the two losses: 1 / N_c and 1 / N_r."""
    target[r, n, 0] = share_c if face == BACKGROUND else float32(0)
    target[r, n, 1] = share_c if face >= 0 else float32(0)
    weight[r, n] = share_r if face >= 0 else float32(0)


@kernel
def fill(matched, counts, target, weight, *, BOUNDS=(0, 1), EACH=True, BLOCK=BLOCK):
    """One thread per anchor: it reads its level's counts. EACH: N_c counts each anchor, not the positive ones alone."""
    level = cuda.blockIdx.y
    begin = BOUNDS[level]
    size = BOUNDS[level + 1] - begin
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < matched.shape[0] * size:
        share_r = float32(1) / float32(max(1, counts[level, 0, 1]))
        share_c = float32(1) / float32(max(1, counts[level, 0, 0])) if EACH else share_r
        r = i // size
        n = begin + i % size
        write(matched[r, n], target, weight, r, n, share_c, share_r)


@kernel
def fill_from_parts(matched, counts, target, weight, *, BOUNDS=(0, 1), EACH=True, BLOCK=BLOCK):
    """One thread per anchor, after each block has added the counts of all parts of its level."""
    shared = cuda.shared.array(BLOCK, int32)
    level = cuda.blockIdx.y
    begin = BOUNDS[level]
    size = BOUNDS[level + 1] - begin
    if cuda.blockIdx.x * BLOCK >= matched.shape[0] * size:
        return  # the level is smaller than the largest one, and this whole block lies beyond its end
    taking_part = int32(0)
    positive = int32(0)
    for part in range(cuda.threadIdx.x, counts.shape[1], BLOCK):
        taking_part += counts[level, part, 0]
        positive += counts[level, part, 1]
    positive = block_sum_of_warps(positive, shared)
    share_r = float32(1) / float32(max(1, positive))
    share_c = share_r
    if EACH:
        taking_part = block_sum_of_warps(taking_part, shared)
        share_c = float32(1) / float32(max(1, taking_part))
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < matched.shape[0] * size:
        r = i // size
        n = begin + i % size
        write(matched[r, n], target, weight, r, n, share_c, share_r)


class Pyramid:
    """What the launches of all rungs share: where its levels begin and end, how many blocks the largest takes."""

    def __init__(self, matched, normalise, levels, BLOCK):
        R, N = matched.shape
        levels = tuple(levels) or (N,)
        self.count = len(levels)
        self.blocks = math.ceil(R * max(levels) / BLOCK)
        self.bounds = {"BOUNDS": (0, *itertools.accumulate(levels))}
        self.fill = {**self.bounds, "EACH": normalise == "anchors", "BLOCK": BLOCK}


@rung(registers=32, tiny={"BLOCK": 4})
def forward_1(matched, target, weight, normalise, levels, *, BLOCK=BLOCK):
    """One thread per level counts, word for word; then one thread per anchor writes."""
    pyramid = Pyramid(matched, normalise, levels, BLOCK)
    counts = scratch(matched, (pyramid.count, 1, 2), "int32")
    return [
        count_level(**pyramid.bounds)[(1, pyramid.count), 1](matched, counts),
        fill(**pyramid.fill)[(pyramid.blocks, pyramid.count), BLOCK](matched, counts, target, weight),
    ]


@rung(registers=48, tiny={"BLOCK": 8})
def forward_2(matched, target, weight, normalise, levels, *, BLOCK=BLOCK):
    """One block per level counts: its threads stride through the level, and their counts meet in a tree.

    By the x-ray: 3.4 times fewer sectors, 8.6 times fewer turns and 32 times less predicted time.
    """
    pyramid = Pyramid(matched, normalise, levels, BLOCK)
    counts = scratch(matched, (pyramid.count, 1, 2), "int32")
    return [
        count_part(**pyramid.bounds, BLOCK=BLOCK)[(1, pyramid.count), BLOCK](matched, counts),
        fill(**pyramid.fill)[(pyramid.blocks, pyramid.count), BLOCK](matched, counts, target, weight),
    ]


@rung(registers=40, tiny={"BLOCK": 2 * WARP, "MOST_PARTS": 3})
def forward_3(matched, target, weight, normalise, levels, *, BLOCK=BLOCK, MOST_PARTS=MOST_PARTS):
    """Many blocks per level count a part each, and every block that writes adds up the parts for itself.

    By the x-ray: 1.4 times less predicted time, for 4.2 times more turns and 29 times more barriers.

    So the whole GPU counts, and still there are two launches: a third one, just to add the parts, is not needed.
    """
    pyramid = Pyramid(matched, normalise, levels, BLOCK)
    parts = min(pyramid.blocks, MOST_PARTS)
    counts = scratch(matched, (pyramid.count, parts, 2), "int32")
    count = count_part(**pyramid.bounds, SUM=block_sum_of_warps, BLOCK=BLOCK)
    return [
        count[(parts, pyramid.count), BLOCK](matched, counts),
        fill_from_parts(**pyramid.fill)[(pyramid.blocks, pyramid.count), BLOCK](matched, counts, target, weight),
    ]


forward = Ladder("forward", forward_1, forward_2, forward_3)
