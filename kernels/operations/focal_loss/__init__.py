"""Focal loss: cross entropy of a softmax or sigmoid that turns away from the examples it has already learned."""

from kernels.operation import Operation, ShapeError, require_axes, require_same_shape
from kernels.operations import samples


def shapes(x, target, alpha, gamma, **_):
    """x (R, C), or (R, 1) if C = 2; target (R, C) -> y (R,), p (R, C). Raises ShapeError, also for a setting < 0."""
    require_axes("focal_loss", "R, C", x=x, target=target)
    if target[1] < 2:
        raise ShapeError(f"focal_loss: target {target} must have 2 classes at least, the background first")
    if (x[1], target) != (1, (x[0], 2)):
        require_same_shape("focal_loss", x=x, target=target)
    if not (alpha >= 0 and gamma >= 0):
        raise ShapeError(f"focal_loss: alpha {alpha} and gamma {gamma} must be at least 0")
    return {"y": target[:1], "p": target}


def flops(target, **_):
    """For rows with one label, as anchors have."""
    R, C = target
    # Forward: comparison, subtraction, exponential, addition, division; the others' sum; q, logarithm, power, products.
    # Backward: the others' sum twice, the slope, the sum of slopes; difference, product, multiply-subtract, product.
    return R * (6 * C + 6), R * (8 * C + 8)


def case(draw):
    R = draw.integer(1, 7)
    logits, C = draw.choice(((1, 2), (2, 2), (3, 3), (10, 10), (33, 33)))
    alpha, gamma = draw.choice((0.25, 1.0, 3.0)), draw.choice((0.0, 0.5, 1.0, 2.0, 3.7))
    return {"x": (R, logits), "target": (R, C), "alpha": alpha, "gamma": gamma}


operation = Operation(
    name="focal_loss",
    summary="Cross entropy of a softmax or sigmoid that turns away from the examples it has already learned.",
    source="Zozoulenko (2018), eq. 60, corrected; Lin et al. (2017), eq. 5",
    inputs=("x", "target"),
    outputs=("y",),
    saved=("p",),
    settings={"alpha": 3.0, "gamma": 2.0},
    gradients=("x",),
    needs=("target", "p"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (24000, 2), "target": (24000, 2)},
    values={"target": samples.sparse_distributions_or_none},
)
