"""Targets of the detector's loss by counts that are given, on CPU cores: each core takes whole pictures.

Shapes as in reference.py.
"""

import numpy as np

from kernels.cpu.checked import checked
from kernels.operations.assign_targets.cpu import fill


@checked
def forward(matched, counts, target, weight, normalise, levels):
    """target[r,n] = (background, face) / N_c and weight[r,n] = face / N_r, with the counts of the level of n."""
    share_c, share_r = 1 / np.maximum(1, counts).T.astype(np.float32)
    ends = np.cumsum(levels or matched.shape[1:])
    fill(matched, target, weight, ends, share_c if normalise == "anchors" else share_r, share_r)
