"""Targets of the detector's loss: what each anchor should say, and how much it counts."""

import math

from kernels.operation import Operation, ShapeError, require_axes, require_choice
from kernels.operations.labels import BACKGROUND, IGNORED_ANCHOR

NORMALISE = ("anchors", "positives")


def shapes(matched, normalise, levels, **_):
    """matched (R, N) -> target (R, N, 2), weight (R, N). Raises ShapeError, also for levels that are not N anchors."""
    require_levels("assign_targets", matched, levels)
    require_choice("assign_targets", "normalise", normalise, NORMALISE)
    return {"target": (*matched, 2), "weight": matched}


def require_levels(name, matched, levels):
    """Raises ShapeError, in the name of the operation `name`, unless matched is (R, N) and levels are N anchors."""
    require_axes(name, "R, N", matched=matched)
    if len(levels) > 0 and (min(levels) < 1 or sum(levels) != matched[1]):
        raise ShapeError(
            f"{name}: levels {tuple(levels)} must each be at least 1 and add up to the {matched[1]} anchors "
            f"of matched {matched}"
        )


def flops(matched, **_):
    """Two comparisons to count an anchor, two to write it; three divisions for all together are left out."""
    return 4 * math.prod(matched), 0


def case(draw):
    R = draw.integer(1, 3)
    levels = draw.choice(((), (1,), (1, 1), (4, 1), (3, 29), (40, 9, 2)))
    N = sum(levels) or draw.choice((1, 5, 33))
    return {"matched": (R, N), "normalise": draw.choice(NORMALISE), "levels": levels}


def matches(generator, shape):
    """Faces, background and ignored anchors; some cases have no face, or nothing that counts."""
    return generator.integers(IGNORED_ANCHOR, generator.choice((BACKGROUND, 0, 1, 3, 4)), shape)


operation = Operation(
    name="assign_targets",
    summary="What each anchor should say, and how much it counts: the loss is then a plain sum.",
    source="Zozoulenko (2018), eq. 61, and its form in seed 001, both corrected; Lin et al. (2017), section 4.1",
    inputs=("matched",),
    outputs=("target", "weight"),
    settings={"normalise": "anchors", "levels": ()},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"matched": (16, 6400), "levels": (4800, 1200, 300, 80, 20)},
    values={"matched": matches},
    dtypes={"matched": "int32"},
)
