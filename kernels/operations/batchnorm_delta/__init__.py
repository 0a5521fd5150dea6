"""The delta-error of batch normalization's input, by sums that are given: those of eq. 52-53 over several devices."""

import math

from kernels.operation import Operation, ShapeError, require_axes, require_same_shape, require_shape
from kernels.operations import batchnorm
from kernels.operations.samples import around_one, around_three, positive


def shapes(dy, x, gamma, mean, inverse_std, dgamma, dbeta, count, **_):
    """dy and x (R, C, H, W) or (R, C), mean (2, C), the rest (C,) -> dx as x. Raises ShapeError."""
    require_axes("batchnorm_delta", "R, C" if len(x) == 2 else "R, C, H, W", x=x)
    require_same_shape("batchnorm_delta", dy=dy, x=x)
    require_shape("batchnorm_delta", (2, x[1]), mean=mean)
    require_shape("batchnorm_delta", x[1:2], gamma=gamma, inverse_std=inverse_std, dgamma=dgamma, dbeta=dbeta)
    if count < 0:
        raise ShapeError(f"batchnorm_delta: count {count} must be at least 0")
    return {"dx": x}


def flops(x, **_):
    """Two multiply-adds and a product."""
    return 5 * math.prod(x), 0


def case(draw):
    x = batchnorm.case(draw)["x"]
    channels = dict.fromkeys(("gamma", "inverse_std", "dgamma", "dbeta"), (x[1],))
    return {"dy": x, "x": x, "mean": (2, x[1]), **channels, "count": draw.choice((0, 1000))}


CHANNELS = ("gamma", "inverse_std", "dgamma", "dbeta")

operation = Operation(
    name="batchnorm_delta",
    summary="The delta-error of the input of batch normalization, by sums over several devices.",
    source="Zozoulenko (2018), eq. 51, corrected",
    inputs=("dy", "x", "gamma", "mean", "inverse_std", "dgamma", "dbeta"),
    outputs=("dx",),
    settings={"count": 0},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"dy": (50, 32, 24, 24), "x": (50, 32, 24, 24), "mean": (2, 32)} | dict.fromkeys(CHANNELS, (32,)),
    values={"x": around_three, "inverse_std": positive}
    | dict.fromkeys(("dy", "gamma", "mean", "dgamma", "dbeta"), around_one),
)
