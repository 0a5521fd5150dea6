"""Intersection over union on a GPU, a ladder of two rungs. Source: Zozoulenko (2018), eq. 58.

Shapes as in reference.py.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward   1   one thread per pair of boxes
              2   a strip of pairs per thread: 8.6 times fewer sectors, 2.9 times less predicted time
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung
from kernels.operations.iou import functions

BLOCK = 256
ROWS = 16

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


@kernel
def forward_strip(a, b, y, *, ROWS=ROWS, BLOCK=BLOCK):
    """One thread per box b and ROWS boxes a: b stays in registers, the boxes a wait in shared memory."""
    M, N = y.shape
    thread = cuda.threadIdx.x
    n = cuda.blockIdx.x * BLOCK + thread
    first = cuda.blockIdx.y * ROWS
    rows = min(ROWS, M - first)
    staged = cuda.shared.array((ROWS, 4), float32, alignment=16)  # aligned, so that a box is one load of 16 bytes
    for k in range(thread, rows, BLOCK):
        staged[k, 0], staged[k, 1], staged[k, 2], staged[k, 3] = corners(a, first + k)
    cuda.syncthreads()  # all boxes a are there
    if n < N:
        box = corners(b, n)
        for k in range(rows):
            # All threads read the same box a, which shared memory broadcasts, and write neighbours in a row.
            y[first + k, n] = overlap(corners(staged, k), box)


@rung(registers=32, tiny={"BLOCK": 4})
def forward_1(a, b, y, *, BLOCK=BLOCK):
    """One thread per pair of boxes: eq. 58 word for word."""
    return [forward_pair(BLOCK=BLOCK)[math.ceil(y.size / BLOCK), BLOCK](a, b, y)]


@rung(registers=32, tiny={"ROWS": 3, "BLOCK": 4})
def forward_2(a, b, y, *, ROWS=ROWS, BLOCK=BLOCK):
    """A strip per thread: one box b in registers for many boxes a, which the block shares; nothing is divided by N.

    By the x-ray: 8.6 times fewer sectors, 3.4 times fewer turns and 2.9 times less predicted time.
    """
    M, N = y.shape
    return [forward_strip(ROWS=ROWS, BLOCK=BLOCK)[(math.ceil(N / BLOCK), math.ceil(M / ROWS)), BLOCK](a, b, y)]


forward = Ladder("forward", forward_1, forward_2)
