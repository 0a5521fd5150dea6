"""Encoding boxes on CPU cores: each core takes whole anchors. Source: Ren et al. (2015), eq. 2.

Shapes as in reference.py. Most anchors have no face, and their boxes are not even read.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.encode_boxes.functions import CODES


@functools.cache
def loop(code):
    """A compiled loop over all anchors of all pictures."""
    encode = jitable(CODES[code])

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(boxes, matched, anchors, offsets, weights):
        R, N = matched.shape
        M = boxes.shape[1]
        for rn in prange(R * N):
            r, n = rn // N, rn % N
            face = matched[r, n]
            if 0 <= face < M:
                for axis in range(2):
                    first, second = encode(
                        boxes[r, face, axis], boxes[r, face, axis + 2], anchors[n, axis], anchors[n, axis + 2]
                    )
                    offsets[r, n, axis] = weights[axis] * first
                    offsets[r, n, axis + 2] = weights[axis + 2] * second
            else:
                offsets[r, n] = 0

    return loop


@checked
def forward(boxes, matched, anchors, offsets, code, weights):
    """offsets[r,n] = weights times the code of boxes[r, matched[r,n]] as seen from anchors[n]."""
    loop(code)(boxes, matched, anchors, offsets, tuple(np.float32(weight) for weight in weights))
