"""Non-maximum suppression on CPU cores: each core takes whole pictures. Shapes as in reference.py."""

import functools

import numpy as np
from numba import njit, prange
from numba.extending import register_jitable

from kernels.cpu.checked import checked
from kernels.cpu.jitable import jitable
from kernels.operations.iou import functions


@functools.cache
def forward_loop(iou):
    """A compiled loop over boxes, best first: each that is still kept strikes out those after it that it overlaps."""
    iou = jitable(iou)

    @register_jitable
    def strike(box, x1, y1, x2, y2, keep, overlap):
        """A function of its own, in which the boxes after `box` go through vector lanes."""
        for j in range(keep.size):
            struck = iou(box, (x1[j], y1[j], x2[j], y2[j])) > overlap
            keep[j] = 0 if struck else keep[j]

    @njit(parallel=True, cache=True, error_model="numpy")
    def loop(boxes, score, keep, overlap, threshold):
        R, K = score.shape
        for r in prange(R):
            # All x1, then all y1, ...: neighbours in memory for neighbours in the loop.
            x1, y1, x2, y2 = boxes[r, :, 0].copy(), boxes[r, :, 1].copy(), boxes[r, :, 2].copy(), boxes[r, :, 3].copy()
            for i in range(K):
                keep[r, i] = score[r, i] >= threshold
            for i in range(K):
                if keep[r, i]:
                    rest = slice(i + 1, K)
                    strike((x1[i], y1[i], x2[i], y2[i]), x1[rest], y1[rest], x2[rest], y2[rest], keep[r, rest], overlap)

    return loop


@checked
def forward(boxes, score, keep, overlap, threshold):
    """Greedy: what is still kept when its turn comes, no box kept before it has struck out."""
    forward_loop(functions.overlap)(boxes, score, keep, np.float32(overlap), np.float32(threshold))
