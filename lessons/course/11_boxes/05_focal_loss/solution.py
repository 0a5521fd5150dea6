"""The backward of a focal loss with one score a box: Zozoulenko (2018), eq. 60, corrected."""

import math

from kernels.gpu import cuda, float32, kernel

MISPRINT = "a"  # "a", "b" or "c": what is wrong with eq. 60

BLOCK = 8


@kernel
def focal_loss_backward(dy, target, p, dx, alpha, gamma):
    """One thread per box."""
    i = cuda.grid(1)
    if i < p.size:
        if target[i] == float32(1):
            q, weight, sign = p[i], alpha, float32(1)
        else:
            q, weight, sign = float32(1) - p[i], float32(1), float32(-1)
        missing = float32(1) - q
        dx[i] = dy[i] * sign * weight * missing**gamma * (gamma * q * math.log(q) - missing)


def launches(dy, target, p, dx, alpha, gamma):
    """A number of each for every box, and two settings."""
    return [focal_loss_backward[-(-p.size // BLOCK), BLOCK](dy, target, p, dx, float32(alpha), float32(gamma))]
