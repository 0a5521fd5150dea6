"""Targets of the detector's loss on a GPU. Shapes as in reference.py. Source: Zozoulenko (2018), eq. 61."""

import math

from kernels.gpu import Ladder, cuda, float32, int32, kernel, rung, scratch

BLOCK = 256


@kernel
def count_level(matched, counts, *, ENDS=(1,)):
    """One thread per level: it counts the anchors that take part, and those that are positive, of all pictures."""
    level = cuda.blockIdx.x
    begin = ENDS[level - 1] if level > 0 else 0
    taking_part = int32(0)
    positive = int32(0)
    for r in range(matched.shape[0]):
        for n in range(begin, ENDS[level]):
            if matched[r, n] >= -1:
                taking_part += 1
            if matched[r, n] >= 0:
                positive += 1
    counts[level, 0] = taking_part
    counts[level, 1] = positive


@kernel
def fill(matched, counts, target, weight, *, ENDS=(1,), PER_ANCHOR=True, BLOCK=BLOCK):
    """One thread per anchor: it looks up the counts of its level and writes target and weight."""
    R, N = matched.shape
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < R * N:
        r = i // N
        n = i % N
        level = 0
        while n >= ENDS[level]:
            level += 1
        share_r = float32(1) / float32(max(1, counts[level, 1]))
        share_c = float32(1) / float32(max(1, counts[level, 0])) if PER_ANCHOR else share_r
        face = matched[r, n]
        target[r, n, 0] = share_c if face == -1 else float32(0)
        target[r, n, 1] = share_c if face >= 0 else float32(0)
        weight[r, n] = share_r if face >= 0 else float32(0)


def ends_of(levels, N):
    """Where each level of the pyramid ends, among its N anchors."""
    levels = levels or (N,)
    return tuple(sum(levels[: level + 1]) for level in range(len(levels)))


@rung(tiny={"BLOCK": 4})
def forward_1(matched, target, weight, normalise, levels, *, BLOCK=BLOCK):
    """One thread per level counts, then one thread per anchor writes."""
    ends = ends_of(levels, matched.shape[1])
    counts = scratch(matched, (len(ends), 2), "int32")
    write = fill(ENDS=ends, PER_ANCHOR=normalise == "anchors", BLOCK=BLOCK)
    return [
        count_level(ENDS=ends)[len(ends), 1](matched, counts),
        write[math.ceil(matched.size / BLOCK), BLOCK](matched, counts, target, weight),
    ]


forward = Ladder(forward_1)
