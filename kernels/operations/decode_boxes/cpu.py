"""Decoding boxes on CPU cores: each core takes whole boxes. Source: Ren et al. (2015), eq. 2, solved for the box.

Shapes as in reference.py. Only the anchors that the index names are read.
"""

import functools

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.decode_boxes.functions import CODES


@functools.cache
def loop(code):
    """A compiled loop over all boxes of all pictures."""
    decode = jitable(CODES[code])

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(offsets, anchors, index, boxes, weights):
        R, K = index.shape
        N = anchors.shape[0]
        for rk in prange(R * K):
            r, k = rk // K, rk % K
            n = index[r, k]
            if 0 <= n < N:
                for axis in range(2):
                    first = offsets[r, n, axis] / weights[axis]
                    second = offsets[r, n, axis + 2] / weights[axis + 2]
                    low, high = decode(first, second, anchors[n, axis], anchors[n, axis + 2])
                    boxes[r, k, axis] = low
                    boxes[r, k, axis + 2] = high
            else:
                boxes[r, k] = 0

    return loop


@checked
def forward(offsets, anchors, index, boxes, code, weights):
    """boxes[r,k] = the box that offsets[r, index[r,k]] describe as seen from anchors[index[r,k]]."""
    loop(code)(offsets, anchors, index, boxes, tuple(np.float32(weight) for weight in weights))
