"""Stochastic gradient descent: every weight takes a step down its gradient, with momentum from the steps before."""

import math

from kernels.operation import Operation, ShapeError, require_axes, require_shape
from kernels.operations import samples


def shapes(dw, rate, norm, momentum, decay):
    """dw (n,), rate (1,), norm (1,) -> w and velocity (n,). Raises ShapeError."""
    require_axes("sgd", "n", dw=dw)
    require_shape("sgd", (1,), rate=rate, norm=norm)
    if not 0 <= momentum < 1:
        raise ShapeError(f"sgd: momentum {momentum} must be at least 0 and below 1")
    if not 0 <= decay < math.inf:
        raise ShapeError(f"sgd: decay {decay} must be a number of at least 0")
    return {"w": dw, "velocity": dw}


def flops(dw, **_):
    return 6 * math.prod(dw), 0


def case(draw):
    return {
        "dw": (draw.integer(1, 40),),
        "rate": (1,),
        "norm": (1,),
        "momentum": draw.choice((0.0, 0.5, 0.9)),
        "decay": draw.choice((0.0, 0.01)),
    }


operation = Operation(
    name="sgd",
    summary="Every weight takes a step down its gradient, with momentum from the steps before.",
    source="Zozoulenko (2018), eq. 11-12, with momentum",
    inputs=("dw", "rate", "norm"),
    outputs=(),
    state=("w", "velocity"),
    settings={"momentum": 0.9, "decay": 0.0},
    shapes=shapes,
    flops=flops,
    case=case,
    rates=lambda rate, step, **_: (rate,),
    typical={"dw": (1048576,), "rate": (1,), "norm": (1,)},
    values={"rate": samples.positive, "norm": samples.positive},
)
