"""Average pooling: each window passes the mean of its values on, and its delta-error back in equal shares."""

import math

from kernels.operation import Operation
from kernels.operations.pooling import pads, pooled_shape, pooling_case


def shapes(x, window, stride, padding, **_):
    """x (R, C, H, W) -> y (R, C, H', W'). Raises ShapeError."""
    return {"y": pooled_shape("avgpool2d", x, window, stride, padding)}


def flops(x, window, stride, padding, **_):
    """Forward: the additions and a division for each window. Backward: an addition for each value it covers."""
    y = shapes(x, window, stride, padding)["y"]
    return math.prod(y) * math.prod(window), math.prod(y) * math.prod(window)


operation = Operation(
    name="avgpool2d",
    summary="Each window passes the mean of its values on, and its delta-error back in equal shares.",
    source="Murugan (2017), section 2.3",
    inputs=("x",),
    outputs=("y",),
    settings={"window": (2, 2), "stride": (2, 2), "padding": (0, 0)},
    gradients=("x",),
    shapes=shapes,
    flops=flops,
    case=pooling_case,
    skips=pads,
    typical={"x": (50, 32, 24, 24)},
)
