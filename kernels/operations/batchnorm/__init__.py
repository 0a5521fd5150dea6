"""Batch normalization: each channel is shifted and scaled to mean 0 and variance 1, then to what it learns to want."""

import math

from kernels.operation import HARD, Operation, ShapeError, require_axes, require_shape
from kernels.operations.samples import around_one, around_three, positive


def shapes(x, gamma, beta, epsilon, momentum, training, **_):
    """x (R, C, H, W) or (R, C), gamma (C,), beta (C,) -> y as x; mean (2, C), the rest (C,). Raises ShapeError."""
    require_axes("batchnorm", "R, C" if len(x) == 2 else "R, C, H, W", x=x)
    channels = (x[1],)
    require_shape("batchnorm", channels, gamma=gamma, beta=beta)
    if not epsilon > 0:
        raise ShapeError(f"batchnorm: epsilon {epsilon} must be above 0")
    if not 0 <= momentum <= 1:
        raise ShapeError(f"batchnorm: momentum {momentum} must be from 0 to 1")
    if training not in (True, False):
        raise ShapeError(f"batchnorm: training {training!r} must be True or False")
    statistics = ("running_mean", "running_var", "inverse_std")
    return {"y": x, "mean": (2, *channels)} | dict.fromkeys(statistics, channels)


def flops(x, training=True, **_):
    # Forward: an addition for the mean, a subtraction and a multiply-add for the variance; then a subtraction and a
    # multiply-add. Backward: a subtraction and two sums, one of products; then two multiply-adds and a product.
    n = math.prod(x)
    return (4 * n + 3 * n, 4 * n + 5 * n) if training else (3 * n, 4 * n + n)


def case(draw):
    size = draw.choice(((), (1, 1), (2, 3), (5, 7), (2, 2), (4, 6)))
    R, C = draw.integer(1, 6), draw.integer(1, 5)
    return {
        "x": (R, C, *size),
        "gamma": (C,),
        "beta": (C,),
        # Of two values in a channel, one becomes 1 and the other -1, whatever they were; the delta-error cancels to
        # almost nothing and float32 is left without digits. A large epsilon keeps such small cases meaningful.
        "epsilon": draw.choice((1.0, 0.5)),
        "momentum": draw.choice((0.1, 0.0, 1.0)),
        "training": draw.choice((True, False)),
    }


operation = Operation(
    name="batchnorm",
    summary="Each channel is shifted and scaled to mean 0 and variance 1, then to what it learns to want.",
    source="Zozoulenko (2018), eq. 37-42 and 51-53, of which 51 is corrected",
    inputs=("x", "gamma", "beta"),
    state=("running_mean", "running_var"),
    outputs=("y",),
    saved=("mean", "inverse_std"),
    settings={"epsilon": 1e-5, "momentum": 0.1, "training": True},
    gradients=("x", "gamma", "beta"),
    needs=("x", "gamma", "mean", "inverse_std"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 32, 24, 24), "gamma": (32,), "beta": (32,)},
    values={"x": around_three, "running_var": positive, "dy": around_one},
    # What a shift or a scale of x would undo is taken out of a delta-error. Unless epsilon is beside the variance, that
    # is nearly all of it where a channel has few values, and what is left has no correct digits.
    hard={"x": tuple(kind for kind in HARD if kind != "huge"), "dy": HARD},
    training="training",
)
