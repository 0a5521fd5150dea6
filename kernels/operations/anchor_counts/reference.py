"""How many anchors take part, and how many stand for a face, in NumPy. Source: Zozoulenko (2018), eq. 61.

matched (R, N) int32 as in ../assign_targets/reference.py -> counts (levels, 2) int32: of each level of the pyramid, or
of all together where there are no levels, the anchors that take part and those that stand for a face.
"""

import numpy as np

from kernels.operations.labels import BACKGROUND


def forward(matched, counts, levels):
    """counts[l] = (anchors of level l that take part, those with a face)."""
    for number, level in enumerate(np.split(matched, np.cumsum(levels or matched.shape[1:])[:-1], axis=1)):
        counts[number] = np.sum(level >= BACKGROUND), np.sum(level >= 0)
