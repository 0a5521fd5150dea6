"""Cross entropy: how unlikely the target of each example is under the predicted probabilities."""

from kernels.operation import Operation, require_axes, require_same_shape
from kernels.operations import samples


def shapes(p, target, **_):
    """p and target (R, C) -> y (R,). Raises ShapeError."""
    require_axes("cross_entropy", "R, C", p=p, target=target)
    require_same_shape("cross_entropy", p=p, target=target)
    return {"y": p[:1]}


def flops(p, **_):
    """Forward: comparison, logarithm, multiply-add. Backward: comparison, division, product."""
    R, C = p
    return R * C * 4, R * C * 3


def case(draw):
    shape = samples.rows(draw)
    return {"p": shape, "target": shape}


operation = Operation(
    name="cross_entropy",
    summary="How unlikely the target of each example is under the predicted probabilities.",
    source="Zozoulenko (2018), eq. 56-57",
    inputs=("p", "target"),
    outputs=("y",),
    gradients=("p",),
    needs=("p", "target"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"p": (50, 10), "target": (50, 10)},
    values={"p": samples.distributions, "target": samples.sparse_distributions},
)
