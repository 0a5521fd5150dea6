"""Group normalization: each group of channels of each picture is brought to mean 0 and variance 1."""

import math

from kernels.operation import HARD, Operation, ShapeError, require_axes, require_shape
from kernels.operations.samples import around_one, around_three


def shapes(x, gamma, beta, groups, epsilon, **_):
    """x (R, C, H, W), gamma and beta (C,) -> y as x, mean and inverse_std (R, G). Raises ShapeError."""
    require_axes("groupnorm", "R, C, H, W", x=x)
    R, C = x[:2]
    require_shape("groupnorm", (C,), gamma=gamma, beta=beta)
    if groups < 1 or C % groups:
        raise ShapeError(f"groupnorm: groups {groups} must divide the {C} channels of x {x}")
    if not epsilon > 0:
        raise ShapeError(f"groupnorm: epsilon {epsilon} must be above 0")
    return {"y": x, "mean": (R, groups), "inverse_std": (R, groups)}


def flops(x, **_):
    # Forward: an addition for the mean, a subtraction and a multiply-add for the variance; then a subtraction and a
    # multiply-add. Backward: a subtraction and two sums, one of products; then two multiply-adds and a product.
    n = math.prod(x)
    return 4 * n + 3 * n, 4 * n + 5 * n


def case(draw):
    """A group has two values at least, since of one nothing is left."""
    size = draw.choice(((1, 1), (1, 2), (2, 3), (5, 7), (2, 2), (4, 6)))
    groups, R = draw.integer(1, 3), draw.integer(1, 4)
    C = groups * draw.integer(2 if size == (1, 1) else 1, 3)
    return {
        "x": (R, C, *size),
        "gamma": (C,),
        "beta": (C,),
        "groups": groups,
        # Large, as in batchnorm: of two values in a group without it one becomes 1 and the other -1, whatever they
        # were, and of dx nothing is left that float32 could hold.
        "epsilon": draw.choice((1.0, 0.5)),
    }


operation = Operation(
    name="groupnorm",
    summary="Each group of channels of each picture is brought to mean 0 and variance 1.",
    source="Wu and He (2018), eq. 1, 2, 6 and 7",
    inputs=("x", "gamma", "beta"),
    outputs=("y",),
    saved=("mean", "inverse_std"),
    settings={"groups": 32, "epsilon": 1e-5},
    gradients=("x", "gamma", "beta"),
    needs=("x", "gamma", "mean", "inverse_std"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 32, 24, 24), "gamma": (32,), "beta": (32,), "groups": 8},
    values={"x": around_three, "dy": around_one},
    hard={"x": tuple(kind for kind in HARD if kind != "huge"), "dy": HARD},
)
