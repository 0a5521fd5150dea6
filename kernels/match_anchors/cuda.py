"""Anchor matching on a GPU. Source: Zozoulenko (2018), section 3.3.2. Shapes and rules as in reference.py."""

import math

from kernels.gpu import Ladder, cuda, device, float32, int32, kernel, rung, scratch
from kernels.iou import functions
from kernels.match_anchors.reference import BACKGROUND, IGNORED

BLOCK = 256

corners = device(functions.corners)
overlap = device(functions.overlap)
covered = device(functions.covered)


@kernel
def champions_thread(anchors, boxes, label, champion, *, BLOCK=BLOCK):
    """One thread per box: the first of the anchors that overlap it most; -1 where none does, or it is no face."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < champion.size:
        found, most = -1, float32(0)
        if label[i] == 1:
            box = corners(boxes, i)
            for n in range(anchors.shape[0]):
                iou = overlap(corners(anchors, n), box)
                if iou > most:
                    found, most = n, iou
        champion[i] = int32(found)


@kernel
def match_thread(anchors, boxes, label, champion, matched, positive, negative, *, BEST=False, BLOCK=BLOCK):
    """One thread per anchor of a picture: it goes through the picture's boxes and keeps the best face so far."""
    N, M = matched.shape[1], label.shape[0] // matched.shape[0]
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < matched.size:
        r, n = i // N, i % N
        anchor = corners(anchors, n)
        face, largest = BACKGROUND, float32(0)
        claimant, claim = BACKGROUND, float32(0)
        hidden = False
        for m in range(M):
            kind = label[r * M + m]
            if kind == 1:
                iou = overlap(anchor, corners(boxes, r * M + m))
                if iou > largest:
                    face, largest = m, iou
                if BEST and champion[r * M + m] == n and iou > claim:
                    claimant, claim = m, iou
            elif kind == -1 and covered(anchor, corners(boxes, r * M + m)) >= float32(0.5):
                hidden = True
        if claim > float32(0):
            face = claimant
        elif largest < positive:
            face = IGNORED if hidden or largest >= negative else BACKGROUND
        matched[r, n] = int32(face)


@rung(tiny={"BLOCK": 4})
def forward_1(anchors, boxes, label, matched, positive, negative, best, *, BLOCK=BLOCK):
    """One thread per anchor, which goes through all boxes; with `best` one thread per face before, through all anchors."""
    boxes, label = boxes.reshape(-1, 4), label.reshape(-1)
    champion = scratch(label, label.shape, "int32") if best else label
    claims = champions_thread(BLOCK=BLOCK)[math.ceil(label.size / BLOCK), BLOCK](anchors, boxes, label, champion)
    match = match_thread(BEST=best, BLOCK=BLOCK)[math.ceil(matched.size / BLOCK), BLOCK]
    matches = match(anchors, boxes, label, champion, matched, float32(positive), float32(negative))
    return [claims, matches] if best else [matches]


forward = Ladder(forward_1)
