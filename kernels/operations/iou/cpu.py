"""Intersection over union on CPU cores: each core takes whole rows. Source: Zozoulenko (2018), eq. 58.

Shapes as in reference.py.
"""

import functools

from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.iou import functions


@functools.cache
def forward_loop(overlap, corners):
    """A compiled loop over boxes a; the loop over boxes b inside takes several at a time, as vectors."""
    overlap, corners = jitable(overlap), jitable(corners)

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(a, b, y):
        # All x1, then all y1, ...: neighbours in memory for neighbours in the loop.
        x1, y1, x2, y2 = b[:, 0].copy(), b[:, 1].copy(), b[:, 2].copy(), b[:, 3].copy()
        for m in prange(a.shape[0]):
            box = corners(a, m)
            for n in range(b.shape[0]):
                y[m, n] = overlap(box, (x1[n], y1[n], x2[n], y2[n]))

    return loop


@checked
def forward(a, b, y):
    """y[m,n] = IoU(a[m], b[n])."""
    forward_loop(functions.overlap, functions.corners)(a, b, y)
