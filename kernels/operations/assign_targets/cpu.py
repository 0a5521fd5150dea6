"""Targets of the detector's loss on CPU cores: each core takes whole pictures. Source: Zozoulenko (2018), eq. 61.

Shapes as in reference.py. Counts are integers, so their order does not matter.
"""

import numpy as np
from numba import njit, prange

from kernels.cpu.checked import checked
from kernels.operations.labels import BACKGROUND


@checked
def forward(matched, target, weight, normalise, levels):
    """target[r,n] = (background, face) / N_c and weight[r,n] = face / N_r, with the counts of the level of n."""
    ends = np.cumsum(levels or matched.shape[1:])
    taking_part, positive = np.maximum(1, counts(matched, ends).sum(axis=0)).T.astype(np.float32)
    share_r = 1 / positive
    fill(matched, target, weight, ends, 1 / taking_part if normalise == "anchors" else share_r, share_r)


@njit(parallel=True, cache=True)
def counts(matched, ends):
    """For each picture and level, how many anchors take part, and how many are positive."""
    R = matched.shape[0]
    counts = np.zeros((R, ends.size, 2), np.int64)
    for r in prange(R):
        begin = 0
        for level in range(ends.size):
            taking_part, positive = 0, 0
            for n in range(begin, ends[level]):
                taking_part += matched[r, n] >= BACKGROUND
                positive += matched[r, n] >= 0
            counts[r, level, 0], counts[r, level, 1] = taking_part, positive
            begin = ends[level]
    return counts


@njit(parallel=True, cache=True)
def fill(matched, target, weight, ends, share_c, share_r):
    """Each anchor gets its level's shares of the two losses, 1 / N_c and 1 / N_r, or zeros."""
    zero = np.float32(0)
    for r in prange(matched.shape[0]):
        begin = 0
        for level in range(ends.size):
            for n in range(begin, ends[level]):
                face = matched[r, n]
                target[r, n, 0] = share_c[level] if face == BACKGROUND else zero
                target[r, n, 1] = share_c[level] if face >= 0 else zero
                weight[r, n] = share_r[level] if face >= 0 else zero
            begin = ends[level]
