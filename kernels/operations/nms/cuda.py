"""Non-maximum suppression on a GPU, a ladder of three rungs. Source: Lin et al. (2017), section 4.1.

Shapes as in reference.py. Whether a box is kept depends on those kept before it, so the boxes of a picture take turns,
whatever is done in parallel: the rungs differ in how little is left to do in a turn.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per picture
              2   one block per picture: 4.0 times fewer turns, 4.0 times less predicted time
              3   all pairs at once, then turns of 32 boxes: 5.2 times fewer barriers, 24 times less predicted time
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, int32, kernel, rung, scratch, uint32
from kernels.gpu.reduce import ALL_LANES, WARP
from kernels.operations.iou import functions

BLOCK = 256
WORD = 32  # boxes, a bit each

iou = device(functions.overlap)


@device
def corners(boxes, r, k):
    """Box k of picture r."""
    return boxes[r, k, 0], boxes[r, k, 1], boxes[r, k, 2], boxes[r, k, 3]


# Rung 1: one thread for each picture.


@kernel
def forward_picture(boxes, score, keep, overlap, threshold, *, BLOCK=BLOCK):
    """One thread per picture: box after box, each compared with those kept before it."""
    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if r < score.shape[0]:
        for i in range(score.shape[1]):
            kept = score[r, i] >= threshold
            for j in range(i):
                if kept and keep[r, j] == 1 and iou(corners(boxes, r, j), corners(boxes, r, i)) > overlap:
                    kept = False
            keep[r, i] = int32(kept)


# Rung 2: one block for each picture.


@kernel
def forward_block(boxes, score, keep, overlap, threshold, *, BLOCK=BLOCK):
    """One block per picture: a box that is still kept at its turn strikes out those after it that it overlaps."""
    r, thread, K = cuda.blockIdx.x, cuda.threadIdx.x, score.shape[1]
    for i in range(thread, K, BLOCK):
        keep[r, i] = int32(score[r, i] >= threshold)
    for i in range(K):
        cuda.syncthreads()  # box i is decided: all before it had their turn
        if keep[r, i] == 1:
            for j in range(i + 1 + thread, K, BLOCK):
                if iou(corners(boxes, r, i), corners(boxes, r, j)) > overlap:
                    keep[r, j] = int32(0)


# Rung 3: a matrix of bits, then a scan through it.


@kernel
def overlap_bits(boxes, bits, overlap, *, BLOCK=BLOCK):
    """One thread per box i and WORD boxes j: bit j - first of its word says that i, the earlier, strikes out j.

    All threads of a block look at the same WORD boxes, so these wait in shared memory, where one read serves a warp.
    """
    tile = cuda.shared.array((WORD, 4), float32)
    thread, word, r, K = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.z, boxes.shape[1]
    first = word * WORD
    count = min(WORD, K - first)
    for place in range(thread, count * 4, BLOCK):
        tile[place // 4, place % 4] = boxes[r, first + place // 4, place % 4]
    cuda.syncthreads()  # the boxes are there
    i = cuda.blockIdx.x * BLOCK + thread
    if i < first + count:  # a word of boxes before i is not read
        box = corners(boxes, r, i)
        found = 0
        for j in range(max(0, i + 1 - first), count):
            if iou(box, (tile[j, 0], tile[j, 1], tile[j, 2], tile[j, 3])) > overlap:
                found |= 1 << j
        bits[r, i, word] = uint32(found)


@kernel
def scan_words(bits, score, keep, threshold, *, WORDS=32, BLOCK=64):
    """One block per picture: WORD boxes at a time have their turn, and strike out those of later words.

    Which of the WORD boxes are kept depends, beside what was struck out before, on the bits between them alone, so
    every thread finds it by itself. Then each takes words of its own, into which it puts what the kept boxes strike.
    """
    struck, between = cuda.shared.array(WORDS, uint32), cuda.shared.array(WORD, uint32)
    r, thread, K = cuda.blockIdx.x, cuda.threadIdx.x, score.shape[1]
    for word in range(thread // WARP, WORDS, BLOCK // WARP):
        k = word * WORD + thread % WARP
        out = not (k < K and score[r, k] >= threshold)
        ballot = cuda.ballot_sync(ALL_LANES, out)
        if thread % WARP == 0:
            struck[word] = uint32(ballot)
    for word in range(WORDS):
        first = word * WORD
        cuda.syncthreads()  # all that the words before strike out is struck out, and nobody reads `between` any more
        if thread < WORD and first + thread < K:
            between[thread] = bits[r, first + thread, word]
        cuda.syncthreads()  # the bits are there
        left, kept = ~struck[word] & ALL_LANES, 0
        while left != 0:
            k = cuda.ffs(left) - 1  # the first that is left is kept
            kept |= 1 << k
            left &= ~(between[k] | 1 << k)
        if thread < WORD and first + thread < K:
            keep[r, first + thread] = int32(kept >> thread & 1)
        for later in range(word + 1 + thread, WORDS, BLOCK):
            out_bits, rest = struck[later], kept
            while rest != 0:
                k = cuda.ffs(rest) - 1
                out_bits |= bits[r, first + k, later]
                rest &= rest - 1
            struck[later] = uint32(out_bits)


# The rungs: what they add, and how they are launched.


@rung(registers=32, tiny={"BLOCK": 2})
def forward_1(boxes, score, keep, overlap, threshold, *, BLOCK=BLOCK):
    """One thread per picture: the definition word for word."""
    blocks = math.ceil(score.shape[0] / BLOCK)
    return [forward_picture(BLOCK=BLOCK)[blocks, BLOCK](boxes, score, keep, float32(overlap), float32(threshold))]


@rung(registers=40, tiny={"BLOCK": 8})
def forward_2(boxes, score, keep, overlap, threshold, *, BLOCK=BLOCK):
    """One block per picture: in a box's turn its threads compare it with the others, and meet once.

    By the x-ray: 1.5 times fewer sectors, 4.0 times fewer turns and 4.0 times less predicted time, for 1.7 times more
    flops.
    """
    R = score.shape[0]
    return [forward_block(BLOCK=BLOCK)[R, BLOCK](boxes, score, keep, float32(overlap), float32(threshold))]


@rung(registers=40, tiny={"BLOCK": 8, "SCAN_BLOCK": 32})
def forward_3(boxes, score, keep, overlap, threshold, *, BLOCK=BLOCK, SCAN_BLOCK=64):
    """All pairs are compared at once, on the whole GPU; a turn is left with bits, and is shared by 32 boxes.

    By the x-ray: 2.0 times fewer sectors, 5.2 times fewer barriers and 24 times less predicted time, for 2.4 times more
    turns and 11 times more flops.
    """
    R, K = score.shape
    words = math.ceil(K / WORD)
    bits = scratch(boxes, (R, K, words), "uint32")
    return [
        overlap_bits(BLOCK=BLOCK)[(math.ceil(K / BLOCK), words, R), BLOCK](boxes, bits, float32(overlap)),
        scan_words(WORDS=words, BLOCK=SCAN_BLOCK)[R, SCAN_BLOCK](bits, score, keep, float32(threshold)),
    ]


forward = Ladder("forward", forward_1, forward_2, forward_3)
