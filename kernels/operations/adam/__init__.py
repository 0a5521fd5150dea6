"""Adam: every weight takes a step down its mean gradient, in units of that gradient's own recent size."""

import math

from kernels.operation import Operation, ShapeError, require_axes, require_shape
from kernels.operations import samples


def shapes(dw, rate, norm, beta1, beta2, epsilon, decay):
    """dw (n,), rate (3,), norm (1,) -> w, m and v (n,). Raises ShapeError."""
    require_axes("adam", "n", dw=dw)
    require_shape("adam", (3,), rate=rate)
    require_shape("adam", (1,), norm=norm)
    for name, share in (("beta1", beta1), ("beta2", beta2)):
        if not 0 <= share < 1:
            raise ShapeError(f"adam: {name} {share} must be at least 0 and below 1")
    for name, number in (("epsilon", epsilon), ("decay", decay)):
        if not 0 <= number < math.inf:
            raise ShapeError(f"adam: {name} {number} must be a number of at least 0")
    return {"w": dw, "m": dw, "v": dw}


def flops(dw, **_):
    """Two multiply-adds for m, two and a square for v; three divisions, a root, three multiply-adds, an addition."""
    return 18 * math.prod(dw), 0


def case(draw):
    return {
        "dw": (draw.integer(1, 40),),
        "rate": (3,),
        "norm": (1,),
        "beta1": draw.choice((0.0, 0.9)),
        "beta2": draw.choice((0.5, 0.999)),
        "decay": draw.choice((0.0, 0.01)),
    }


def rates(rate, step, beta1, beta2, **_):
    """The learning rate, and how far the two averages have filled by this step: both start at 0."""
    return rate, 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)


operation = Operation(
    name="adam",
    summary="Every weight takes a step down its mean gradient, in units of that gradient's own recent size.",
    source="Kingma and Ba (2015), algorithm 1; Loshchilov and Hutter (2019), algorithm 2",
    inputs=("dw", "rate", "norm"),
    outputs=(),
    state=("w", "m", "v"),
    settings={"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decay": 0.0},
    shapes=shapes,
    flops=flops,
    case=case,
    rates=rates,
    typical={"dw": (1048576,), "rate": (3,), "norm": (1,)},
    values={"rate": samples.positive, "norm": samples.positive, "v": samples.positive},
)
