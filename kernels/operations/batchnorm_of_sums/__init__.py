"""Batch normalization by sums that are given: those of a batch of which other devices have the other examples."""

import math

import numpy as np

from kernels.operation import Operation, ShapeError, require_shape
from kernels.operations import batchnorm
from kernels.operations.samples import around_three, positive


def shapes(x, gamma, beta, sums, epsilon, momentum, count, **_):
    """As batchnorm, and sums (2, C) float64 as channel_sums has them, of `count` values. Raises ShapeError."""
    try:
        made = batchnorm.shapes(x, gamma, beta, epsilon, momentum, True)
    except ShapeError as error:
        raise ShapeError(str(error).replace("batchnorm:", "batchnorm_of_sums:", 1)) from None
    require_shape("batchnorm_of_sums", (2, x[1]), sums=sums)
    if count < 0:
        raise ShapeError(f"batchnorm_of_sums: count {count} must be at least 0")
    return made


def flops(x, **_):
    """A subtraction and a multiply-add; what is computed once a channel is left out."""
    return 3 * math.prod(x), 0


def case(draw):
    found = batchnorm.case(draw)
    return {name: value for name, value in found.items() if name != "training"} | {
        "sums": (2, found["x"][1]),
        "count": draw.choice((0, 1000)),
    }


def sums(generator, shape):
    """Sums that any number of values might have: the variance they give is positive."""
    total = generator.standard_normal(shape[1])
    return np.stack([total, total**2 + positive(generator, shape[1:])])


operation = Operation(
    name="batchnorm_of_sums",
    summary="Each channel is shifted and scaled by the mean and the variance that sums over several devices give.",
    source="Zozoulenko (2018), eq. 37-42",
    inputs=("x", "gamma", "beta", "sums"),
    state=("running_mean", "running_var"),
    outputs=("y",),
    saved=("mean", "inverse_std"),
    settings={"epsilon": 1e-5, "momentum": 0.1, "count": 0},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 32, 24, 24), "gamma": (32,), "beta": (32,), "sums": (2, 32)},
    values={"x": around_three, "running_var": positive, "sums": sums},
    hard={},
    dtypes={"sums": "float64"},
)
