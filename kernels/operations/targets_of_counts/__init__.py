"""Targets of the detector's loss by counts that are given: those of a batch that several devices share."""

import math

import numpy as np

from kernels.operation import Operation, require_choice, require_shape
from kernels.operations import assign_targets


def shapes(matched, counts, normalise, levels, **_):
    """matched (R, N), counts (levels, 2) -> target (R, N, 2), weight (R, N). Raises ShapeError."""
    assign_targets.require_levels("targets_of_counts", matched, levels)
    require_choice("targets_of_counts", "normalise", normalise, assign_targets.NORMALISE)
    require_shape("targets_of_counts", (len(levels) or 1, 2), counts=counts)
    return {"target": (*matched, 2), "weight": matched}


def flops(matched, **_):
    """Two comparisons to write an anchor; three divisions for all together are left out."""
    return 2 * math.prod(matched), 0


def case(draw):
    found = assign_targets.case(draw)
    return {**found, "counts": (len(found["levels"]) or 1, 2)}


def counts(generator, shape):
    """Anchors that take part, and of these the faces; sometimes none."""
    faces = generator.integers(0, 5, shape[:1])
    return np.stack([faces + generator.integers(0, 50, shape[:1]), faces], axis=1)


operation = Operation(
    name="targets_of_counts",
    summary="What each anchor should say, and how much it counts in a batch that several devices share.",
    source="Zozoulenko (2018), eq. 61, and its form in seed 001, both corrected; Lin et al. (2017), section 4.1",
    inputs=("matched", "counts"),
    outputs=("target", "weight"),
    settings={"normalise": "anchors", "levels": ()},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"matched": (16, 6400), "counts": (5, 2), "levels": (4800, 1200, 300, 80, 20)},
    values={"matched": assign_targets.matches, "counts": counts},
    dtypes={"matched": "int32", "counts": "int32"},
)
