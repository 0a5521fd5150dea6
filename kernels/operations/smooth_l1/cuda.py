"""Smooth L1 loss on a GPU, one rung: a box has four offsets, so a row is work for one thread.

Source: Zozoulenko (2018), eq. 59. Shapes as in reference.py.

The rungs:

    forward    1   one thread per row
    backward   1   one thread per prediction

Nothing to climb: a row of four offsets is 16 bytes, and a row without weight is not read.
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung
from kernels.operations.smooth_l1 import functions

BLOCK = 256

term = device(functions.term)
slope = device(functions.slope)


@kernel
def forward_thread(prediction, target, weight, y, beta, *, BLOCK=BLOCK):
    """One thread per row: it adds the terms from left to right, if the row counts."""
    R, N = prediction.shape
    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if r < R:
        total = float32(0)
        if weight[r] != float32(0):
            for i in range(N):
                total += term(prediction[r, i] - target[r, i], beta)
            total *= weight[r]
        y[r] = total


@kernel
def backward_each(dy, prediction, target, weight, dprediction, beta, *, BLOCK=BLOCK):
    """One thread per prediction: the delta-error of its row times the slope, if the row counts."""
    n = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if n < prediction.size:
        r = n // prediction.shape[1]
        i = n % prediction.shape[1]
        d = float32(0)
        if weight[r] != float32(0):
            d = dy[r] * weight[r] * slope(prediction[r, i] - target[r, i], beta)
        dprediction[r, i] = d


@rung(registers=32, tiny={"BLOCK": 4})
def forward_1(prediction, target, weight, y, beta, *, BLOCK=BLOCK):
    """One thread per row: eq. 59 word for word, summed over the features."""
    launch = forward_thread(BLOCK=BLOCK)[math.ceil(prediction.shape[0] / BLOCK), BLOCK]
    return [launch(prediction, target, weight, y, float32(beta))]


@rung(registers=32, tiny={"BLOCK": 8})
def backward_1(dy, prediction, target, weight, dprediction, beta, *, BLOCK=BLOCK):
    """One thread per prediction."""
    launch = backward_each(BLOCK=BLOCK)[math.ceil(prediction.size / BLOCK), BLOCK]
    return [launch(dy, prediction, target, weight, dprediction, float32(beta))]


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
