"""Losses on a GPU, a ladder of three rungs. Source: Murugan (2017), eq. 2.4-2.9 and 2.14.

Shapes as in reference.py. The term and its slope are compile-time parameters: each loss gets kernels of its own.
Cross entropy is one more loss of this kind and takes its kernels from here.

The rungs, and what they gain by the x-ray's counts (docs/ladders.md):

    forward    1   one thread per row
               2   one block per row: 4.0 times fewer sectors, 5.8 times less predicted time
               3   one warp per row: 16 times fewer turns, no barriers, 2.2 times less predicted time
    backward   1   one thread per prediction: nothing to climb, each is on its own
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung
from kernels.gpu.reduce import WARP, block_sum, compensated, warp_sum
from kernels.operations.loss.functions import FUNCTIONS, share

BLOCK = 256
DEVICE_FUNCTIONS = {name: (device(term), device(slope)) for name, (term, slope) in FUNCTIONS.items()}
SQUARED, SQUARED_SLOPE = DEVICE_FUNCTIONS["mse"]


@kernel
def sum_by_thread(p, target, y, share, *, TERM=SQUARED, BLOCK=BLOCK):
    """One thread per row: it adds the terms from left to right."""
    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if r < p.shape[0]:
        total, lost = float32(0), float32(0)
        for i in range(p.shape[1]):
            total, lost = compensated(total, lost, TERM(p[r, i], target[r, i]))
        y[r] = total * share


@kernel
def sum_by_block(p, target, y, share, *, TERM=SQUARED, BLOCK=BLOCK):
    """One block per row: its threads stride through the features, then their sums meet in shared memory."""
    shared = cuda.shared.array(BLOCK, float32)
    r = cuda.blockIdx.x
    total, lost = float32(0), float32(0)
    for i in range(cuda.threadIdx.x, p.shape[1], BLOCK):
        total, lost = compensated(total, lost, TERM(p[r, i], target[r, i]))
    total = block_sum(total, shared)
    if cuda.threadIdx.x == 0:
        y[r] = total * share


@kernel
def sum_by_warp(p, target, y, share, *, TERM=SQUARED, BLOCK=BLOCK):
    """One warp per row: its lanes stride through the features, then their sums meet by shuffles."""
    r = (cuda.blockIdx.x * BLOCK + cuda.threadIdx.x) // WARP
    lane = cuda.threadIdx.x % WARP
    if r < p.shape[0]:  # true for a whole warp or none of it, so that all lanes shuffle
        total = float32(0)
        for i in range(lane, p.shape[1], WARP):
            total += TERM(p[r, i], target[r, i])
        total = warp_sum(total)
        if lane == 0:
            y[r] = total * share


@kernel
def slope_each(dy, p, target, dp, share, *, SLOPE=SQUARED_SLOPE, BLOCK=BLOCK):
    """One thread per prediction: the delta-error of its row times the slope of its term."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < p.size:
        r = n // p.shape[1]
        i = n % p.shape[1]
        dp[r, i] = dy[r] * share * SLOPE(p[r, i], target[r, i])


@rung(registers=32, tiny={"BLOCK": 8})
def forward_1(prediction, target, y, function, *, BLOCK=BLOCK):
    """One thread per row: the equations word for word."""
    term, _ = DEVICE_FUNCTIONS[function]
    R, N = prediction.shape
    launch = sum_by_thread(TERM=term, BLOCK=BLOCK)[math.ceil(R / BLOCK), BLOCK]
    return [launch(prediction, target, y, float32(share(function, N)))]


@rung(registers=32, tiny={"BLOCK": 8})
def forward_2(prediction, target, y, function, *, BLOCK=BLOCK):
    """A block per row, reducing as a tree in shared memory: a long row no longer waits for one thread.

    By the x-ray: 4.0 times fewer sectors and 5.8 times less predicted time, for 8.6 times more turns and 4.6 times more
    flops.
    """
    term, _ = DEVICE_FUNCTIONS[function]
    R, N = prediction.shape
    return [sum_by_block(TERM=term, BLOCK=BLOCK)[R, BLOCK](prediction, target, y, float32(share(function, N)))]


@rung(registers=32, tiny={"BLOCK": 2 * WARP})
def forward_3(prediction, target, y, function, *, BLOCK=BLOCK):
    """A warp per row, reducing by shuffles: no barrier and no shared memory, and short rows fill more of a block.

    By the x-ray: 16 times fewer turns, 1.6 times fewer flops, no barriers and 2.2 times less predicted time.
    """
    term, _ = DEVICE_FUNCTIONS[function]
    R, N = prediction.shape
    launch = sum_by_warp(TERM=term, BLOCK=BLOCK)[math.ceil(R * WARP / BLOCK), BLOCK]
    return [launch(prediction, target, y, float32(share(function, N)))]


@rung(registers=32, tiny={"BLOCK": 8})
def backward_1(dy, prediction, target, dprediction, function, *, BLOCK=BLOCK):
    """One thread per prediction."""
    _, slope = DEVICE_FUNCTIONS[function]
    launch = slope_each(SLOPE=slope, BLOCK=BLOCK)[math.ceil(prediction.size / BLOCK), BLOCK]
    return [launch(dy, prediction, target, dprediction, float32(share(function, prediction.shape[1])))]


forward = Ladder("forward", forward_1, forward_2, forward_3)
backward = Ladder("backward", backward_1)
