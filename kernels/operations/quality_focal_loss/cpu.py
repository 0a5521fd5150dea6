"""Quality focal loss on CPU cores: each core takes whole anchors. Source: Li et al. (2020), eq. 2.

Shapes as in reference.py. What has no weight in the target is not even read.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.quality_focal_loss import functions


@functools.cache
def loop(f):
    """A compiled loop: result = scale (target[0] f(x, 0) + target[1] f(x, quality)), of anchors one after the other."""
    f = jitable(f)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(scale, x, target, quality, result, beta):
        for i in prange(x.size):
            total = np.float32(0)
            if target[i, 0] != 0:
                total += target[i, 0] * f(x[i], np.float32(0), beta)
            if target[i, 1] != 0:
                total += target[i, 1] * f(x[i], quality[i], beta)
            if scale is not None:
                total *= scale[i]
            result[i] = total

    return loop


def run(f, scale, x, target, quality, result, beta):
    """The loop over all anchors of all pictures."""
    flat = [None if a is None else a.reshape(-1) for a in (scale, x, quality, result)]
    loop(f)(flat[0], flat[1], target.reshape(-1, 2), flat[2], flat[3], np.float32(beta))


@checked
def forward(x, target, quality, y, beta):
    """y[r,n] = target[r,n,0] QFL(x[r,n], 0) + target[r,n,1] QFL(x[r,n], quality[r,n])."""
    run(functions.term, None, x, target, quality, y, beta)


@checked
def backward(dy, x, target, quality, dx, beta):
    """dx[r,n] = dy[r,n] (target[r,n,0] QFL'(x[r,n], 0) + target[r,n,1] QFL'(x[r,n], quality[r,n]))."""
    run(functions.slope, dy, x, target, quality, dx, beta)
