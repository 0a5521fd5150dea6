"""Softmax: turns the values of each row into probabilities, positive and summing to one."""

from kernels.operation import Operation, require_axes
from kernels.operations import samples


def shapes(x, **_):
    """x (R, C) -> y (R, C). Raises ShapeError."""
    require_axes("softmax", "R, C", x=x)
    return {"y": x}


def flops(x, **_):
    R, C = x
    # Forward: comparison, subtraction, exponential, addition, division. Backward: multiply-add, subtraction, product.
    return R * (5 * C - 2), R * 4 * C


def case(draw):
    return {"x": samples.rows(draw)}


operation = Operation(
    name="softmax",
    summary="Turns the values of each row into probabilities, positive and summing to one.",
    source="Zozoulenko (2018), eq. 54-55, the last corrected",
    inputs=("x",),
    outputs=("y",),
    gradients=("x",),
    needs=("y",),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 10)},
)
