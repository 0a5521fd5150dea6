"""Softmax and cross entropy in one: how far the probabilities of each row are from its target."""

from kernels.operation import Operation, require_axes, require_same_shape
from kernels.operations import samples


def shapes(x, target, **_):
    """x and target (R, C) -> y (R,), p (R, C). Raises ShapeError."""
    require_axes("softmax_cross_entropy", "R, C", x=x, target=target)
    require_same_shape("softmax_cross_entropy", x=x, target=target)
    return {"y": x[:1], "p": x}


def flops(x, **_):
    R, C = x
    # Forward: comparison, subtraction, exponential, addition, division; subtraction, multiply-add; a logarithm a row.
    # Backward: addition, multiply-subtract, product.
    return R * (8 * C + 1), R * 4 * C


def case(draw):
    shape = samples.rows(draw)
    return {"x": shape, "target": shape}


operation = Operation(
    name="softmax_cross_entropy",
    summary="Softmax and cross entropy in one: the difference of probability and target goes back.",
    source="Zozoulenko (2018), eq. 54-57",
    inputs=("x", "target"),
    outputs=("y",),
    saved=("p",),
    gradients=("x",),
    needs=("target", "p"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 10), "target": (50, 10)},
    values={"target": samples.sparse_distributions},
)
