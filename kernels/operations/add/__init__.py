"""Addition: two arrays of one shape become their sum, as where a residual connection joins."""

import math

from kernels.operation import Operation, require_same_shape


def shapes(a, b, **_):
    """a and b of the same shape -> y of that shape. Raises ShapeError."""
    require_same_shape("add", a=a, b=b)
    return {"y": a}


def flops(a, **_):
    return math.prod(a), 0


def case(draw):
    shape = tuple(draw.integer(1, 5) for _ in range(draw.integer(1, 4)))
    return {"a": shape, "b": shape}


operation = Operation(
    name="add",
    summary="Two arrays of one shape become their sum, and its delta-error goes back to both.",
    source="He et al. (2016), eq. 1, the residual connection",
    inputs=("a", "b"),
    outputs=("y",),
    gradients=("a", "b"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"a": (50, 32, 24, 24), "b": (50, 32, 24, 24)},
)
