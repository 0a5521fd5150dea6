"""Moving average: each value of the average goes a small part of the way towards a value that keeps changing."""

import math

from kernels.operation import Operation, require_axes, require_shape
from kernels.operations import samples


def shapes(x, rate):
    """x (n,), rate (1,) -> average (n,). Raises ShapeError."""
    require_axes("moving_average", "n", x=x)
    require_shape("moving_average", (1,), rate=rate)
    return {"average": x}


def flops(x, **_):
    """A difference and a multiply-add."""
    return 3 * math.prod(x), 0


def case(draw):
    return {"x": (draw.integer(1, 40),), "rate": (1,)}


operation = Operation(
    name="moving_average",
    summary="Each value of an average goes a small part of the way towards one that keeps changing.",
    source="Polyak and Juditsky (1992), averaging of weights; in this form Tarvainen and Valpola (2017), section 2",
    inputs=("x", "rate"),
    outputs=(),
    state=("average",),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (1048576,), "rate": (1,)},
    values={"rate": samples.positive},
)
