"""Targets of the detector's loss by counts that are given, in NumPy. Source: Zozoulenko (2018), eq. 61, corrected.

matched, target and weight as in ../assign_targets/reference.py; counts (levels, 2) as in
../anchor_counts/reference.py, of more anchors than stand in matched where other devices have the rest of the batch.
"""

import numpy as np

from kernels.operations.labels import BACKGROUND


def forward(matched, counts, target, weight, normalise, levels):
    """target[r,n] = (background, face) / N_c and weight[r,n] = face / N_r, with the counts of the level of n."""
    ends = np.cumsum(levels or matched.shape[1:])
    for (taking_part, positive), level in zip(counts, np.split(np.arange(matched.shape[1]), ends[:-1]), strict=True):
        N_r = max(1, positive)
        N_c = max(1, taking_part) if normalise == "anchors" else N_r
        target[:, level, 0] = (matched[:, level] == BACKGROUND) / N_c
        target[:, level, 1] = (matched[:, level] >= 0) / N_c
        weight[:, level] = (matched[:, level] >= 0) / N_r
