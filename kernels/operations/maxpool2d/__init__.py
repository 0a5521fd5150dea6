"""Max pooling: each window passes its largest value on, and its delta-error back to where that value stood."""

import math

from kernels.operation import Operation
from kernels.operations.pooling import pads, pooled_shape, pooling_case


def shapes(x, window, stride, padding, **_):
    """x (R, C, H, W) -> y and winner (R, C, H', W'). Raises ShapeError."""
    y = pooled_shape("maxpool2d", x, window, stride, padding)
    return {"y": y, "winner": y}


def flops(x, window, stride, padding, **_):
    y = shapes(x, window, stride, padding)["y"]
    return math.prod(y) * (math.prod(window) - 1), math.prod(y)


operation = Operation(
    name="maxpool2d",
    summary="Each window passes its largest value on, and its delta-error back to where that value stood.",
    source="Zozoulenko (2018), eq. 31-36",
    inputs=("x",),
    outputs=("y",),
    saved=("winner",),
    settings={"window": (2, 2), "stride": (2, 2), "padding": (0, 0)},
    gradients=("x",),
    needs=("winner",),
    shapes=shapes,
    flops=flops,
    case=pooling_case,
    skips=pads,
    typical={"x": (50, 32, 24, 24)},
    dtypes={"winner": "int32"},
)
