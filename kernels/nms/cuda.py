"""Non-maximum suppression on a GPU, a ladder. Source: as in reference.py, and shapes too."""

import math

from kernels.gpu import Ladder, cuda, device, float32, int32, kernel, rung
from kernels.iou import functions

BLOCK = 256

iou = device(functions.overlap)


@device
def corners(boxes, r, k):
    """Box k of picture r."""
    return boxes[r, k, 0], boxes[r, k, 1], boxes[r, k, 2], boxes[r, k, 3]


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
            keep[r, i] = int32(1) if kept else int32(0)


@rung(tiny={"BLOCK": 2})
def forward_1(boxes, score, keep, overlap, threshold, *, BLOCK=BLOCK):
    """One thread per picture: the definition word for word."""
    blocks = math.ceil(score.shape[0] / BLOCK)
    return [forward_picture(BLOCK=BLOCK)[blocks, BLOCK](boxes, score, keep, float32(overlap), float32(threshold))]


forward = Ladder(forward_1)
