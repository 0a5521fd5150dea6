"""Intersection over union on a GPU. Source: Zozoulenko (2018), eq. 58. Shapes as in reference.py."""

import math

from kernels.gpu import Ladder, cuda, device, kernel, rung
from kernels.iou import functions

BLOCK = 256

corners = device(functions.corners)
overlap = device(functions.overlap)


@kernel
def forward_pair(a, b, y, *, BLOCK=BLOCK):
    """One thread per pair of boxes; neighbours share box m and write neighbours."""
    N = b.shape[0]
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < y.size:
        m, n = i // N, i % N
        y[m, n] = overlap(corners(a, m), corners(b, n))


@rung(tiny={"BLOCK": 4})
def forward_1(a, b, y, *, BLOCK=BLOCK):
    """One thread per pair of boxes: eq. 58 word for word."""
    return [forward_pair(BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](a, b, y)]


forward = Ladder(forward_1)
