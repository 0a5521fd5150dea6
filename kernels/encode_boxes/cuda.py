"""Encoding boxes on a GPU. Shapes as in reference.py. Source: Ren et al. (2015), eq. 2."""

import math

from kernels.encode_boxes import functions
from kernels.gpu import Ladder, cuda, device, float32, kernel, rung

BLOCK = 256

CODES = {code: device(function) for code, function in functions.CODES.items()}


@kernel
def encode_row(boxes, matched, anchors, offsets, wx, wy, ww, wh, *, ENCODE=CODES["centers"], BLOCK=BLOCK):
    """One thread per anchor: both axes of its face, or four zeros."""
    R, N, _ = offsets.shape
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < R * N:
        r = i // N
        n = i % N
        face = matched[r, n]
        x = y = w = h = float32(0)
        if face >= 0 and face < boxes.shape[1]:
            x, w = ENCODE(boxes[r, face, 0], boxes[r, face, 2], anchors[n, 0], anchors[n, 2])
            y, h = ENCODE(boxes[r, face, 1], boxes[r, face, 3], anchors[n, 1], anchors[n, 3])
        offsets[r, n, 0] = wx * x
        offsets[r, n, 1] = wy * y
        offsets[r, n, 2] = ww * w
        offsets[r, n, 3] = wh * h


@rung(tiny={"BLOCK": 4})
def forward_1(boxes, matched, anchors, offsets, code, weights, *, BLOCK=BLOCK):
    """One thread per anchor: the code word for word."""
    launch = encode_row(ENCODE=CODES[code], BLOCK=BLOCK)[math.ceil(matched.size / BLOCK), BLOCK]
    return [launch(boxes, matched, anchors, offsets, *(float32(weight) for weight in weights))]


forward = Ladder(forward_1)
