"""Smooth L1: squared error for small errors, absolute error for large ones, of the examples that count."""

from kernels.operation import Operation, ShapeError, require_axes, require_same_shape, require_shape
from kernels.operations import samples


def shapes(prediction, target, weight, beta, **_):
    """prediction and target (R, N), weight (R,) -> y (R,). Raises ShapeError, also for a beta not above 0."""
    require_axes("smooth_l1", "R, N", prediction=prediction, target=target)
    require_same_shape("smooth_l1", prediction=prediction, target=target)
    require_shape("smooth_l1", prediction[:1], weight=weight)
    if not beta > 0:
        raise ShapeError(f"smooth_l1: beta {beta} must be above 0")
    return {"y": weight}


def flops(prediction, **_):
    """Difference, comparison, three for the term, addition; difference, division, two comparisons, product."""
    R, N = prediction
    return R * (6 * N + 1), R * (5 * N + 1)


def case(draw):
    R, N = draw.integer(1, 7), draw.choice((1, 2, 3, 4, 10, 33))
    return {"prediction": (R, N), "target": (R, N), "weight": (R,), "beta": draw.choice((1 / 9, 0.5, 1.0, 2.0))}


operation = Operation(
    name="smooth_l1",
    summary="Squared error for small errors, absolute error for large ones, of the examples that count.",
    source="Zozoulenko (2018), eq. 59; Girshick (2015), eq. 3",
    inputs=("prediction", "target", "weight"),
    outputs=("y",),
    settings={"beta": 1.0},
    gradients=("prediction",),
    needs=("prediction", "target", "weight"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"prediction": (24000, 4), "target": (24000, 4), "weight": (24000,)},
    values={"weight": samples.positive_or_zero},
)
