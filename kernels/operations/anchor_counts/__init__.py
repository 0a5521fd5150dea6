"""How many anchors of each level take part, and how many stand for a face: the divisors of the detector's loss.

With targets_of_counts it is assign_targets, cut where devices that share a batch must speak: a plan over several of
them puts the two in its place (framework/sharing.py).
"""

import math

from kernels.operation import Operation
from kernels.operations import assign_targets


def shapes(matched, levels, **_):
    """matched (R, N) -> counts (levels, 2). Raises ShapeError, also for levels that are not N anchors."""
    assign_targets.require_levels("anchor_counts", matched, levels)
    return {"counts": (len(levels) or 1, 2)}


def flops(matched, **_):
    """Two comparisons for an anchor."""
    return 2 * math.prod(matched), 0


def case(draw):
    found = assign_targets.case(draw)
    return {"matched": found["matched"], "levels": found["levels"]}


operation = Operation(
    name="anchor_counts",
    summary="How many anchors of each level take part in the loss, and how many of them stand for a face.",
    source="Zozoulenko (2018), eq. 61, its divisors",
    inputs=("matched",),
    outputs=("counts",),
    settings={"levels": ()},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"matched": (16, 6400), "levels": (4800, 1200, 300, 80, 20)},
    values={"matched": assign_targets.matches},
    dtypes={"matched": "int32", "counts": "int32"},
    summed=("counts",),
)
