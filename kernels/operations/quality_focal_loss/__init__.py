"""Quality focal loss: a score learns how well its box lies, and turns away from the anchors that it has learned."""

import math

import numpy as np

from kernels.operation import Operation, ShapeError, require_axes, require_same_shape, require_shape
from kernels.operations import samples


def shapes(x, target, quality, beta, **_):
    """x (R, N), target (R, N, 2), quality (R, N) -> y (R, N). Raises ShapeError, also for a beta below 0."""
    require_axes("quality_focal_loss", "R, N", x=x)
    require_shape("quality_focal_loss", (*x, 2), target=target)
    require_same_shape("quality_focal_loss", x=x, quality=quality)
    if not 0 <= beta < math.inf:
        raise ShapeError(f"quality_focal_loss: beta {beta} must be at least 0")
    return {"y": x}


def flops(x, **_):
    """For anchors that are background or face, not both; for each two comparisons, a product and a sum besides.

    The term: exponential, sum, logarithm, product, sum for cross entropy; division, difference, power, product. Its
    slope the same, and then: square, division, 2 products, division, product, 2 sums.
    """
    n = math.prod(x)
    return 13 * n, 20 * n


def case(draw):
    R, N = draw.integer(1, 3), draw.choice((1, 2, 7, 33))
    return {"x": (R, N), "target": (R, N, 2), "quality": (R, N), "beta": draw.choice((0.0, 1.0, 2.0, 3.5))}


def shares(generator, shape):
    """Values from 0 to 1, both ends among them."""
    return np.clip(1.4 * generator.random(shape) - 0.2, 0, 1)


operation = Operation(
    name="quality_focal_loss",
    summary="A score learns how well its box lies, and turns away from the anchors that it has learned.",
    source="Li et al. (2020), Generalized Focal Loss, eq. 2",
    inputs=("x", "target", "quality"),
    outputs=("y",),
    settings={"beta": 2.0},
    gradients=("x",),
    needs=("x", "target", "quality"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (16, 6400), "target": (16, 6400, 2), "quality": (16, 6400)},
    values={"target": samples.positive_or_zero, "quality": shares},
)
