"""Reduction: all values become one, their sum, their mean or their norm."""

import math

from kernels.operation import HARD, Operation, ShapeError, require_choice
from kernels.operations import samples

HOW = ("sum", "mean", "norm")


def shapes(x, how, count, **_):
    """x of any shape -> y (1,). Raises ShapeError for an unknown reduction, and a count below 0."""
    require_choice("reduce", "how", how, HOW)
    if count < 0:
        raise ShapeError(f"reduce: count {count} must be at least 0")
    return {"y": (1,)}


def flops(x, how, **_):
    """Forward: an addition, or a multiply-add. Backward: nothing to compute but the scale, or a product."""
    n = math.prod(x)
    return {"sum": (n - 1, 0), "mean": (n, 1), "norm": (2 * n, n + 1)}[how]


def case(draw):
    shape = draw.choice(((draw.integer(1, 700),), (draw.integer(1, 20), draw.integer(1, 20))))
    return {"x": shape, "how": draw.choice(HOW), "count": draw.choice((0, 1000))}


operation = Operation(
    name="reduce",
    summary="All values become one: their sum, their mean or their norm, the root of the sum of squares.",
    source="Zozoulenko (2018), eq. 8, its sum over the batch",
    inputs=("x",),
    outputs=("y",),
    settings={"how": "sum", "count": 0},
    gradients=("x",),
    needs=("x", "y"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (1048576,)},
    values={"x": samples.around_three},
    hard={"x": HARD},
)
