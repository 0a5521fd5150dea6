"""Anchor matching on a GPU, a ladder of four rungs. Source: Zozoulenko (2018), section 3.3.2.

Shapes and rules as in reference.py. Two kernels: the champions, which only `best` asks for, are the anchors that
overlap each face most; then each anchor looks at all boxes of its picture. An anchor finds its own claims among the
champions: faces that wrote to the anchor they claim would need atomics.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per anchor, one per face for its champion
              2   one block per face: 3.5 times less predicted time
              3   boxes wait in shared memory: 1.2 times fewer sectors
              4   and padding gets no place there: 1.1 times fewer turns
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, int32, kernel, rung, scratch
from kernels.gpu.reduce import ALL_LANES, WARP, block_argmax
from kernels.operations.iou import functions
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE, PADDING

BLOCK = 256
NOBODY = -1  # in place of a champion: no anchor overlaps the face

corners = device(functions.corners)
overlap = device(functions.overlap)
covered = device(functions.covered)


@device
def nothing_found():
    """What an anchor knows at first: its best face and their IoU, who claims it and theirs, whether it is hidden."""
    return BACKGROUND, float32(0), BACKGROUND, float32(0), False


@device
def look(found, anchor, n, box, m, kind, champion):
    """What anchor number n knows once it has seen box number m too. Only more replaces, so the first of equals wins."""
    face, largest, claimant, claim, hidden = found
    if kind == FACE:
        iou = overlap(anchor, box)
        if iou > largest:
            face, largest = m, iou
        if champion == n and iou > claim:
            claimant, claim = m, iou
    elif kind == IGNORED_FACE:
        hidden = hidden or covered(anchor, box) >= float32(0.5)
    return face, largest, claimant, claim, hidden


@device
def verdict(found, positive, negative):
    """The face that an anchor has to find, now that it has seen all boxes."""
    face, largest, claimant, claim, hidden = found
    if claim > float32(0):
        return claimant
    if largest >= positive:
        return face
    return IGNORED_ANCHOR if hidden or largest >= negative else BACKGROUND


@kernel
def champions_thread(anchors, boxes, label, champion, *, BLOCK=BLOCK):
    """One thread per box: a face goes through all anchors and takes the first of those that overlap it most."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < champion.size:
        where, most = NOBODY, float32(0)
        if label[i] == FACE:
            box = corners(boxes, i)
            for n in range(anchors.shape[0]):
                iou = overlap(corners(anchors, n), box)
                if iou > most:
                    where, most = n, iou
        champion[i] = int32(where)


@kernel
def champions_block(anchors, boxes, label, champion, *, BLOCK=BLOCK):
    """One block per box: its threads take every BLOCK-th anchor each, then agree on the best through shared memory."""
    i = cuda.blockIdx.x
    shared = cuda.shared.array(BLOCK, float32)
    shared_index = cuda.shared.array(BLOCK, int32)
    if label[i] == FACE:  # or not, but all threads of the block alike, so that all reach the barriers within
        where, most = anchors.shape[0], float32(0)
        box = corners(boxes, i)
        for n in range(cuda.threadIdx.x, anchors.shape[0], BLOCK):
            iou = overlap(corners(anchors, n), box)
            if iou > most:
                where, most = n, iou
        most, where = block_argmax(most, where, shared, shared_index)
        if cuda.threadIdx.x == 0:
            champion[i] = where if most > float32(0) else int32(NOBODY)


@kernel
def match_thread(anchors, boxes, label, champion, matched, positive, negative, *, BEST=False, BLOCK=BLOCK):
    """One thread per anchor of a picture: it looks at the picture's boxes one after the other."""
    N, M = matched.shape[1], label.shape[0] // matched.shape[0]
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < matched.size:
        r, n = i // N, i % N
        anchor = corners(anchors, n)
        found = nothing_found()
        for m in range(M):
            box = r * M + m
            found = look(found, anchor, n, corners(boxes, box), m, label[box], champion[box] if BEST else NOBODY)
        matched[r, n] = int32(verdict(found, positive, negative))


@kernel
def match_staged(anchors, boxes, label, champion, matched, positive, negative, *, BEST=False, BLOCK=BLOCK):
    """One thread per anchor, one row of blocks per picture; BLOCK boxes at a time wait in shared memory."""
    N, M = matched.shape[1], label.shape[0] // matched.shape[0]
    thread, r = cuda.threadIdx.x, cuda.blockIdx.y
    n = cuda.blockIdx.x * BLOCK + thread
    staged = cuda.shared.array((BLOCK, 4), float32, alignment=16)  # aligned, so that a box is one load of 16 bytes
    kinds = cuda.shared.array(BLOCK, int32)
    champions = cuda.shared.array(BLOCK, int32)
    anchor = corners(anchors, min(n, N - 1))  # a thread without an anchor helps to stage all the same
    found = nothing_found()
    for first in range(0, M, BLOCK):
        if first + thread < M:
            box = r * M + first + thread
            staged[thread, 0], staged[thread, 1], staged[thread, 2], staged[thread, 3] = corners(boxes, box)
            kinds[thread] = label[box]
            champions[thread] = champion[box] if BEST else NOBODY
        cuda.syncthreads()  # all boxes of this tile are there
        for k in range(min(BLOCK, M - first)):
            found = look(found, anchor, n, corners(staged, k), first + k, kinds[k], champions[k])
        cuda.syncthreads()  # everyone has seen them, so that the next may take their places
    if n < N:
        matched[r, n] = int32(verdict(found, positive, negative))


@kernel
def match_packed(anchors, boxes, label, champion, matched, positive, negative, *, BEST=False, BLOCK=BLOCK):
    """As match_staged, but padding gets no place in shared memory: the boxes of a tile close ranks, order kept.

    A box's place is the number of boxes before it that are no padding: in its own warp a vote counts them, and the
    warps before leave their counts in shared memory.
    """
    N, M = matched.shape[1], label.shape[0] // matched.shape[0]
    thread, r = cuda.threadIdx.x, cuda.blockIdx.y
    warp = thread // WARP
    n = cuda.blockIdx.x * BLOCK + thread
    staged = cuda.shared.array((BLOCK, 4), float32, alignment=16)
    numbers = cuda.shared.array(BLOCK, int32)
    kinds = cuda.shared.array(BLOCK, int32)
    champions = cuda.shared.array(BLOCK, int32)
    counts = cuda.shared.array(WARP, int32)  # no block has more than WARP warps
    anchor = corners(anchors, min(n, N - 1))
    found = nothing_found()
    for first in range(0, M, BLOCK):
        m = first + thread
        kind = label[r * M + m] if m < M else int32(PADDING)
        votes = cuda.ballot_sync(ALL_LANES, kind != PADDING)
        if thread % WARP == 0:
            counts[warp] = cuda.popc(votes)
        cuda.syncthreads()  # the counts of all warps are there
        place, count = cuda.popc(votes & cuda.lanemask_lt()), 0
        for w in range(BLOCK // WARP):
            if w < warp:
                place += counts[w]
            count += counts[w]
        if kind != PADDING:
            box = r * M + m
            staged[place, 0], staged[place, 1], staged[place, 2], staged[place, 3] = corners(boxes, box)
            numbers[place] = m
            kinds[place] = kind
            champions[place] = champion[box] if BEST else NOBODY
        cuda.syncthreads()  # all boxes of this tile are there
        for k in range(count):
            found = look(found, anchor, n, corners(staged, k), numbers[k], kinds[k], champions[k])
        # The next take their places behind the next barrier, that of the counts: until then everyone has seen these.
    if n < N:
        matched[r, n] = int32(verdict(found, positive, negative))


def launches(champions, match, anchors, boxes, label, matched, positive, negative, best):
    """The launches of two kernels whose grids are set: of `champions` only with `best`, and of `match`."""
    boxes, label = boxes.reshape(-1, 4), label.reshape(-1)
    champion = scratch(label, label.shape, "int32") if best else label
    matches = match(anchors, boxes, label, champion, matched, float32(positive), float32(negative))
    return [champions(anchors, boxes, label, champion), matches] if best else [matches]


@rung(registers=40, tiny={"BLOCK": 4})
def forward_1(anchors, boxes, label, matched, positive, negative, best, *, BLOCK=BLOCK):
    """One thread per anchor, which looks at all boxes; for `best` one thread per face, which looks at all anchors."""
    champions = champions_thread(BLOCK=BLOCK)[math.ceil(label.size / BLOCK), BLOCK]
    match = match_thread(BEST=best, BLOCK=BLOCK)[math.ceil(matched.size / BLOCK), BLOCK]
    return launches(champions, match, anchors, boxes, label, matched, positive, negative, best)


@rung(registers=40, tiny={"BLOCK": 4})
def forward_2(anchors, boxes, label, matched, positive, negative, best, *, BLOCK=BLOCK):
    """A block per face: there are few faces, and each has thousands of anchors to compare.

    By the x-ray: 3.5 times less predicted time, for 3.7 times more sectors and 1.4 times more turns.
    """
    champions = champions_block(BLOCK=BLOCK)[label.size, BLOCK]
    match = match_thread(BEST=best, BLOCK=BLOCK)[math.ceil(matched.size / BLOCK), BLOCK]
    return launches(champions, match, anchors, boxes, label, matched, positive, negative, best)


@rung(registers=32, tiny={"BLOCK": 4})
def forward_3(anchors, boxes, label, matched, positive, negative, best, *, BLOCK=BLOCK):
    """Boxes in shared memory: a block of anchors reads each of them once from global memory, not once per anchor.

    By the x-ray: 1.2 times fewer sectors, 1.1 times fewer turns and 1.1 times less predicted time.
    """
    champions = champions_block(BLOCK=BLOCK)[label.size, BLOCK]
    match = match_staged(BEST=best, BLOCK=BLOCK)[(math.ceil(matched.shape[1] / BLOCK), matched.shape[0]), BLOCK]
    return launches(champions, match, anchors, boxes, label, matched, positive, negative, best)


@rung(registers=40, tiny={"BLOCK": 64})  # two warps, of which one counts for the other
def forward_4(anchors, boxes, label, matched, positive, negative, best, *, BLOCK=BLOCK):
    """Padding is dropped on the way to shared memory, by votes of the warps: anchors look only at what is there.

    By the x-ray: 1.1 times fewer turns and 1.1 times less predicted time.
    """
    champions = champions_block(BLOCK=BLOCK)[label.size, BLOCK]
    match = match_packed(BEST=best, BLOCK=BLOCK)[(math.ceil(matched.shape[1] / BLOCK), matched.shape[0]), BLOCK]
    return launches(champions, match, anchors, boxes, label, matched, positive, negative, best)


forward = Ladder("forward", forward_1, forward_2, forward_3, forward_4)
