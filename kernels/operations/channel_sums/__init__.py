"""Sums over each channel, of values and of squares: what devices that share a batch tell each other of theirs.

Eq. 37 and 38 are made of them. With batchnorm_of_sums and batchnorm_delta it is batch normalization, cut where devices
must speak: a plan over several of them puts the three in its place (framework/sharing.py).
"""

import math

from kernels.operation import HARD, Operation, require_axes
from kernels.operations.samples import around_three


def shapes(x, **_):
    """x (R, C, H, W) or (R, C) -> sums (2, C), of values and of squares, float64. Raises ShapeError."""
    require_axes("channel_sums", "R, C" if len(x) == 2 else "R, C, H, W", x=x)
    return {"sums": (2, x[1])}


def flops(x, **_):
    """An addition, and a multiply-add for the square."""
    return 3 * math.prod(x), 0


def case(draw):
    size = draw.choice(((), (1, 1), (2, 3), (5, 7), (2, 2), (4, 6)))
    return {"x": (draw.integer(1, 6), draw.integer(1, 5), *size)}


operation = Operation(
    name="channel_sums",
    summary="Sums over each channel, of values and of squares: what devices that share a batch tell each other.",
    source="Zozoulenko (2018), eq. 37-38, their sums",
    inputs=("x",),
    outputs=("sums",),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 32, 24, 24)},
    values={"x": around_three},
    hard={"x": tuple(kind for kind in HARD if kind != "huge")},  # as batchnorm, squares of parts are float32
    dtypes={"sums": "float64"},
    summed=("sums",),
)
