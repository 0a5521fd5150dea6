"""Adaptive training sample selection on a GPU, a ladder of three rungs. Source: Zhang et al. (2020), algorithm 1.

Shapes and rules as in reference.py. First each face finds its candidates. It does not list them: it leaves how far the
last of each level is and which one that is, and its threshold. So an anchor, when it looks at all faces, knows whether
it is a candidate by its own distance; nobody writes to an anchor but itself, which would need atomics. With `best` two
more launches follow: each face sees whether it holds an anchor, then each anchor looks at the faces that have none.

The rungs, which differ in how a face goes through its anchors, and what they gain by the x-ray's counts
(docs/ladders.md):

    forward   1   one thread per face
              2   one block per face: 2.3 times less predicted time
              3   only the thread whose anchor was taken looks again: 5.3 times less predicted time

There is little to climb in what anchors do: 192 boxes a picture, read by all threads of a warp at once.
"""

import itertools
import math

from kernels.gpu import Ladder, cuda, device, float32, int32, kernel, rung, scratch
from kernels.gpu.reduce import block_argmax
from kernels.operations.iou import functions as iou
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE
from kernels.operations.match_atss import functions
from kernels.operations.match_atss.functions import SLACK

BLOCK = 256
NOBODY = -1  # in place of a champion: no candidate overlaps the face, or it needs none

corners, overlap, covered = device(iou.corners), device(iou.overlap), device(iou.covered)
center, inside = device(functions.center), device(functions.inside)


@device
def distance(a, b):
    """The square of the distance of two points.

    Left to itself, a compiler fuses one product with the sum here and the other there. But an anchor must find the very
    distance that the face found.
    """
    ax, ay = a
    bx, by = b
    return cuda.fma(ax - bx, ax - bx, (ay - by) * (ay - by))


@device
def nearest_after(anchors, middle, first, past, step, reach, last):
    """The nearest to `middle` of the anchors first, first + step ..., if it comes after number `last`, `reach` away.

    Of equals the first. Returns its distance and number; (infinite, past) where no anchor is left.
    """
    least, where = float32(math.inf), past
    for n in range(first, past, step):
        d = distance(center(corners(anchors, n)), middle)
        if d < least and (d > reach or (d == reach and n > last)):
            least, where = d, n
    return least, where


@device
def nothing_seen():
    """What a face knows of its candidates: their number, the mean of their IoUs and the sum of squares about it, then
    the one that overlaps it most and how much."""
    return float32(0), float32(0), float32(0), NOBODY, float32(0)


@device
def saw(seen, overlapping, n):
    """What it knows after one more, without keeping all (Knuth (1969))."""
    count, mean, square, champion, most = seen
    count += float32(1)
    off = overlapping - mean
    mean += off / count
    square += off * (overlapping - mean)
    if overlapping > most or (overlapping == most and n < champion):
        champion, most = n, overlapping
    return count, mean, square, champion, most


@device
def threshold_of(seen):
    """Mean and standard deviation together."""
    count, mean, square, _, _ = seen
    return mean + math.sqrt(square / max(count - float32(1), float32(1))) - float32(SLACK)


@kernel
def select_thread(anchors, boxes, label, reach, last, threshold, champion, candidates, *, BOUNDS=(0, 1), BLOCK=BLOCK):
    """One thread per box: a face goes through a level again for every candidate that it finds there."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < champion.size:
        seen = nothing_seen()
        if label[i] == FACE:
            box = corners(boxes, i)
            for level in range(reach.shape[1]):
                found, where = float32(-1), NOBODY
                for _ in range(min(candidates, BOUNDS[level + 1] - BOUNDS[level])):
                    d, n = nearest_after(anchors, center(box), BOUNDS[level], BOUNDS[level + 1], 1, found, where)
                    if d < float32(math.inf):
                        found, where = d, n
                        seen = saw(seen, overlap(corners(anchors, n), box), n)
                reach[i, level] = found
                last[i, level] = int32(where)
            threshold[i] = threshold_of(seen)
        champion[i] = int32(seen[3])


@kernel
def select_block(anchors, boxes, label, reach, last, threshold, champion, candidates, *, BOUNDS=(0, 1), BLOCK=BLOCK):
    """One block per box: its threads share a level out, and agree on the nearest through shared memory."""
    i, thread = cuda.blockIdx.x, cuda.threadIdx.x
    shared = cuda.shared.array(BLOCK, float32)
    shared_index = cuda.shared.array(BLOCK, int32)
    seen = nothing_seen()
    if label[i] == FACE:  # or not, but all threads of the block alike, so that all reach the barriers within
        box = corners(boxes, i)
        for level in range(reach.shape[1]):
            first, past = BOUNDS[level] + thread, BOUNDS[level + 1]
            found, where = float32(-1), NOBODY
            for _ in range(min(candidates, past - BOUNDS[level])):
                d, n = nearest_after(anchors, center(box), first, past, BLOCK, found, where)
                nearest, n = block_argmax(-d, n, shared, shared_index)
                if nearest > float32(-math.inf):
                    found, where = -nearest, n
                    seen = saw(seen, overlap(corners(anchors, n), box), n)
            if thread == 0:
                reach[i, level] = found
                last[i, level] = int32(where)
        if thread == 0:
            threshold[i] = threshold_of(seen)
    if thread == 0:
        champion[i] = int32(seen[3])


@kernel
def select_kept(anchors, boxes, label, reach, last, threshold, champion, candidates, *, BOUNDS=(0, 1), BLOCK=BLOCK):
    """As select_block, but a thread keeps the nearest of its anchors until it is taken."""
    i, thread = cuda.blockIdx.x, cuda.threadIdx.x
    shared = cuda.shared.array(BLOCK, float32)
    shared_index = cuda.shared.array(BLOCK, int32)
    seen = nothing_seen()
    if label[i] == FACE:
        box = corners(boxes, i)
        for level in range(reach.shape[1]):
            first, past = BOUNDS[level] + thread, BOUNDS[level + 1]
            found, where = float32(-1), NOBODY
            d, mine = nearest_after(anchors, center(box), first, past, BLOCK, found, where)
            for _ in range(min(candidates, past - BOUNDS[level])):
                nearest, n = block_argmax(-d, mine, shared, shared_index)
                if nearest > float32(-math.inf):
                    found, where = -nearest, n
                    seen = saw(seen, overlap(corners(anchors, n), box), n)
                    if n == mine:
                        d, mine = nearest_after(anchors, center(box), first, past, BLOCK, found, where)
            if thread == 0:
                reach[i, level] = found
                last[i, level] = int32(where)
        if thread == 0:
            threshold[i] = threshold_of(seen)
    if thread == 0:
        champion[i] = int32(seen[3])


@kernel
def claim(anchors, boxes, label, reach, last, threshold, matched, *, BOUNDS=(0, 1), BLOCK=BLOCK):
    """One thread per anchor of a picture: of the faces that claim it, it finds the one that it overlaps most."""
    N, M = matched.shape[1], label.shape[0] // matched.shape[0]
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < matched.size:
        r, n = i // N, i % N
        level = 0
        while n >= BOUNDS[level + 1]:
            level += 1
        anchor = corners(anchors, n)
        holder, most, hidden = BACKGROUND, float32(0), False
        for m in range(M):
            k = r * M + m
            if label[k] == FACE:
                box = corners(boxes, k)
                d = distance(center(anchor), center(box))
                if d < reach[k, level] or (d == reach[k, level] and n <= last[k, level]):
                    overlapping = overlap(anchor, box)
                    # Only a larger overlap replaces the largest so far, so the first of equal faces wins.
                    if overlapping >= threshold[k] and overlapping > most and inside(center(anchor), box):
                        holder, most = m, overlapping
            elif label[k] == IGNORED_FACE:
                hidden = hidden or covered(anchor, corners(boxes, k)) >= float32(0.5)
        matched[r, n] = int32(IGNORED_ANCHOR if hidden and holder == BACKGROUND else holder)


@kernel
def without_thread(matched, champion, *, BLOCK=BLOCK):
    """One thread per box: a face that holds an anchor by now needs no champion."""
    M = champion.size // matched.shape[0]
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < champion.size:
        held = False
        for n in range(matched.shape[1]):
            held = held or matched[i // M, n] == i % M
        if held:
            champion[i] = int32(NOBODY)


@kernel
def without_block(matched, champion, *, BLOCK=BLOCK):
    """One block per box: its threads share the anchors out."""
    M = champion.size // matched.shape[0]
    i = cuda.blockIdx.x
    held = 0
    if champion[i] != NOBODY:
        for n in range(cuda.threadIdx.x, matched.shape[1], BLOCK):
            if matched[i // M, n] == i % M:
                held = 1
    if cuda.syncthreads_or(held) and cuda.threadIdx.x == 0:
        champion[i] = int32(NOBODY)


@kernel
def settle(anchors, boxes, champion, matched, *, BLOCK=BLOCK):
    """One thread per anchor: the faces whose champion it is, and the one that holds it, by the same rule as before."""
    N, M = matched.shape[1], champion.size // matched.shape[0]
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < matched.size:
        r, n = i // N, i % N
        holder = matched[r, n]
        winner, most = holder, float32(0)
        for m in range(M):
            if champion[r * M + m] == n or m == holder:
                overlapping = overlap(corners(anchors, n), corners(boxes, r * M + m))
                if overlapping > most:
                    winner, most = int32(m), overlapping
        matched[r, n] = winner


def launches(select, without, anchors, boxes, label, matched, levels, candidates, best, BLOCK):
    """The launches of two kernels whose grids are set, `select` and with `best` `without`, and of those of anchors."""
    bounds = bounds_of(anchors, levels)
    boxes, label = boxes.reshape(-1, 4), label.reshape(-1)
    of_levels, blocks = (label.size, len(bounds) - 1), math.ceil(matched.size / BLOCK)
    reach, last = scratch(anchors, of_levels), scratch(anchors, of_levels, "int32")
    threshold, champion = scratch(anchors, label.shape), scratch(anchors, label.shape, "int32")
    claims = claim(BOUNDS=bounds, BLOCK=BLOCK)[blocks, BLOCK]
    made = [
        select(anchors, boxes, label, reach, last, threshold, champion, min(candidates, len(anchors))),
        claims(anchors, boxes, label, reach, last, threshold, matched),
    ]
    if best:
        made += [without(matched, champion), settle(BLOCK=BLOCK)[blocks, BLOCK](anchors, boxes, champion, matched)]
    return made


def bounds_of(anchors, levels):
    """Where the levels begin and end."""
    return (0, *itertools.accumulate(levels or anchors.shape[:1]))


@rung(registers=56, tiny={"BLOCK": 4})
def forward_1(anchors, boxes, label, matched, levels, candidates, best, *, BLOCK=BLOCK):
    """One thread per face, which looks at all anchors once for each candidate; then one per anchor."""
    blocks = math.ceil(label.size / BLOCK)
    select = select_thread(BOUNDS=bounds_of(anchors, levels), BLOCK=BLOCK)[blocks, BLOCK]
    without = without_thread(BLOCK=BLOCK)[blocks, BLOCK]
    return launches(select, without, anchors, boxes, label, matched, levels, candidates, best, BLOCK)


@rung(registers=56, tiny={"BLOCK": 4})
def forward_2(anchors, boxes, label, matched, levels, candidates, best, *, BLOCK=BLOCK):
    """A block per face: there are few faces, and each has thousands of anchors to measure.

    By the x-ray: 2.3 times less predicted time, for 13 times more sectors and 4.1 times more turns.
    """
    select = select_block(BOUNDS=bounds_of(anchors, levels), BLOCK=BLOCK)[label.size, BLOCK]
    without = without_block(BLOCK=BLOCK)[label.size, BLOCK]
    return launches(select, without, anchors, boxes, label, matched, levels, candidates, best, BLOCK)


@rung(registers=56, tiny={"BLOCK": 4})
def forward_3(anchors, boxes, label, matched, levels, candidates, best, *, BLOCK=BLOCK):
    """A thread keeps the nearest of its anchors, so that only the one whose anchor was taken looks at them again.

    By the x-ray: 12 times fewer sectors, 5.3 times fewer turns, 2.0 times fewer barriers and 5.3 times less predicted
    time.
    """
    select = select_kept(BOUNDS=bounds_of(anchors, levels), BLOCK=BLOCK)[label.size, BLOCK]
    without = without_block(BLOCK=BLOCK)[label.size, BLOCK]
    return launches(select, without, anchors, boxes, label, matched, levels, candidates, best, BLOCK)


forward = Ladder("forward", forward_1, forward_2, forward_3)
