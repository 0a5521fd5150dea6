"""Quality focal loss on a GPU, one rung: an anchor is work for one thread. Source: Li et al. (2020), eq. 2.

Shapes as in reference.py.

The rungs:

    forward    1   one thread per anchor
    backward   1   one thread per anchor

Nothing to climb: a warp reads its logits and qualities in whole sectors, and both halves of the target in turn from the
sectors that the first of them brought.
"""

import math

from kernels.gpu import Ladder, cuda, device, float32, kernel, rung
from kernels.operations.quality_focal_loss import functions

BLOCK = 256

term = device(functions.term)
slope = device(functions.slope)


@device
def of_anchor(x, target, quality, i, beta, *, F=term):
    """target[0] F(x, 0) + target[1] F(x, quality) of anchor i; what has no weight in the target is not read."""
    total = float32(0)
    if target[i, 0] != float32(0):
        total += target[i, 0] * F(x[i], float32(0), beta)
    if target[i, 1] != float32(0):
        total += target[i, 1] * F(x[i], quality[i], beta)
    return total


loss_of_anchor = of_anchor(F=term)
slope_of_anchor = of_anchor(F=slope)


@kernel
def forward_each(x, target, quality, y, beta, *, BLOCK=BLOCK):
    """One thread per anchor: what it is as background and as a face."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        y[i] = loss_of_anchor(x, target, quality, i, beta)


@kernel
def backward_each(dy, x, target, quality, dx, beta, *, BLOCK=BLOCK):
    """One thread per anchor: its delta-error times the slopes of both."""
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        dx[i] = dy[i] * slope_of_anchor(x, target, quality, i, beta)


@rung(registers=32, tiny={"BLOCK": 4})
def forward_1(x, target, quality, y, beta, *, BLOCK=BLOCK):
    """One thread per anchor: eq. 2 of background and face, of -x where x is above 0."""
    launch = forward_each(BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK]
    return [launch(*flat(x, target, quality, y), float32(beta))]


@rung(registers=32, tiny={"BLOCK": 4})
def backward_1(dy, x, target, quality, dx, beta, *, BLOCK=BLOCK):
    """One thread per anchor."""
    launch = backward_each(BLOCK=BLOCK)[math.ceil(x.size / BLOCK), BLOCK]
    return [launch(dy.reshape(-1), *flat(x, target, quality, dx), float32(beta))]


def flat(x, target, quality, result):
    """Anchor after anchor, whatever their picture."""
    return x.reshape(-1), target.reshape(-1, 2), quality.reshape(-1), result.reshape(-1)


forward = Ladder("forward", forward_1)
backward = Ladder("backward", backward_1)
