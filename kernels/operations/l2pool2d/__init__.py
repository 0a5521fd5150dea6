"""L2 pooling: each window passes its norm on, the root of the sum of its squares."""

import math

from kernels.operation import Operation
from kernels.operations.pooling import pads, pooled_shape, pooling_case


def shapes(x, window, stride, padding, **_):
    """x (R, C, H, W) -> y (R, C, H', W'). Raises ShapeError."""
    return {"y": pooled_shape("l2pool2d", x, window, stride, padding)}


def flops(x, window, stride, padding, **_):
    """Forward: a multiply-add for each value, a root for each window. Backward: a product and a division more."""
    y = shapes(x, window, stride, padding)["y"]
    return math.prod(y) * (2 * math.prod(window) + 1), math.prod(y) * (2 * math.prod(window) + 1)


operation = Operation(
    name="l2pool2d",
    summary="Each window passes its norm on, and its delta-error back in the direction of its values.",
    source="Murugan (2017), section 2.3",
    inputs=("x",),
    outputs=("y",),
    settings={"window": (2, 2), "stride": (2, 2), "padding": (0, 0)},
    gradients=("x",),
    needs=("x", "y"),
    shapes=shapes,
    flops=flops,
    case=pooling_case,
    skips=pads,
    typical={"x": (50, 32, 24, 24)},
)
