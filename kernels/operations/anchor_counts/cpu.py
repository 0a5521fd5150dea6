"""How many anchors take part, and how many stand for a face, on CPU cores: each core takes whole pictures.

Shapes as in reference.py.
"""

import numpy as np

from kernels.cpu.checked import checked
from kernels.operations.assign_targets import cpu


@checked
def forward(matched, counts, levels):
    """counts[l] = (anchors of level l that take part, those with a face)."""
    counts[...] = cpu.counts(matched, np.cumsum(levels or matched.shape[1:])).sum(axis=0)
