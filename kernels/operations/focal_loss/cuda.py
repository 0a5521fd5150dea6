"""Focal loss on a GPU, one rung: detectors have few classes and many anchors, so a row is work for one thread.

Source: Zozoulenko (2018), eq. 60, corrected. Shapes as in reference.py, which derives the gradient. A NaN may get lost
when values are compared, but its own exponential is NaN and so is the row's sum.

The rungs:

    forward    1   one thread per row
    backward   1   one thread per row

Nothing to climb: with two classes a row is 8 bytes, and four threads share each sector that they touch.
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung
from kernels.operations.focal_loss import functions

BLOCK = 256

logit = device(functions.logit)
term = device(functions.term)
slope = device(functions.slope)
sum_of_others = device(functions.sum_of_others)


@kernel
def forward_thread(x, target, y, p, alpha, gamma, *, BLOCK=BLOCK):
    """One thread per row: largest value, exponentials and their sum, the terms of the classes with a target."""
    R, C = p.shape
    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if r < R:
        largest = logit(x, r, 0, C)
        for c in range(1, C):
            largest = max(largest, logit(x, r, c, C))
        total = float32(0)
        for c in range(C):
            e = math.exp(logit(x, r, c, C) - largest)
            p[r, c] = e
            total += e
        for c in range(C):
            p[r, c] /= total
        log_total = math.log(total)
        loss = float32(0) * total  # a row with a NaN stays NaN, even where it has no target
        for c in range(C):
            if target[r, c] != float32(0):
                weight = target[r, c] if c == 0 else alpha * target[r, c]
                log_p = logit(x, r, c, C) - largest - log_total
                loss += weight * term(p[r, c], sum_of_others(p, r, c), log_p, gamma)
        y[r] = loss


@kernel
def backward_thread(dy, target, p, dx, alpha, gamma, *, BLOCK=BLOCK):
    """One thread per row: the slopes, which wait in dx, and their sum; then dx."""
    R, C = p.shape
    missing = C - dx.shape[1]
    r = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if r < R:
        total = float32(0)
        for c in range(C):
            s = float32(0) * p[r, c]  # a NaN stays
            if target[r, c] != float32(0):
                weight = target[r, c] if c == 0 else alpha * target[r, c]
                s = weight * slope(p[r, c], sum_of_others(p, r, c), gamma)
            if c >= missing:  # a background without a logit has no place in dx
                dx[r, c - missing] = s
            total += s
        for c in range(missing, C):
            s = dx[r, c - missing]
            own = s * sum_of_others(p, r, c) if s != float32(0) else s
            dx[r, c - missing] = dy[r] * (own - p[r, c] * (total - s))


@rung(registers=32, tiny={"BLOCK": 4})
def forward_1(x, target, y, p, alpha, gamma, *, BLOCK=BLOCK):
    """One thread per row: the softmax and eq. 60 word for word, with 1 - p as a sum."""
    launch = forward_thread(BLOCK=BLOCK)[math.ceil(x.shape[0] / BLOCK), BLOCK]
    return [launch(x, target, y, p, float32(alpha), float32(gamma))]


@rung(registers=32, tiny={"BLOCK": 4})
def backward_1(dy, target, p, dx, alpha, gamma, *, BLOCK=BLOCK):
    """One thread per row."""
    launch = backward_thread(BLOCK=BLOCK)[math.ceil(p.shape[0] / BLOCK), BLOCK]
    return [launch(dy, target, p, dx, float32(alpha), float32(gamma))]


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
