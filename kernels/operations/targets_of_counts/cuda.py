"""Targets of the detector's loss by counts that are given, on a GPU, one rung. Shapes as in reference.py.

The rungs:

    forward   1   one thread per anchor

Nothing to climb: neighbouring threads read and write neighbours, and memory is the limit.
"""

from kernels.gpu import Ladder, rung
from kernels.operations.assign_targets.cuda import BLOCK, Pyramid, fill


@rung(registers=24, tiny={"BLOCK": 4})
def forward_1(matched, counts, target, weight, normalise, levels, *, BLOCK=BLOCK):
    """One thread per anchor, which reads the counts of its level."""
    pyramid = Pyramid(matched, normalise, levels, BLOCK)
    launch = fill(**pyramid.fill)[(pyramid.blocks, pyramid.count), BLOCK]
    return [launch(matched, counts.reshape(-1, 1, 2), target, weight)]


forward = Ladder("forward", forward_1)
