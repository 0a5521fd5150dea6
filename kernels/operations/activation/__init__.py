"""Activation function: one and the same f on every value, as without it all layers would be one linear map."""

import math

from kernels.operation import HARD, Operation, require_choice
from kernels.operations import samples

FUNCTIONS = ("relu", "leaky_relu", "sigmoid", "tanh", "arctan")


def shapes(x, function, **_):
    """x of any shape -> y of the same. Raises ShapeError for an unknown function."""
    require_choice("activation", "function", function, FUNCTIONS)
    return {"y": x}


def flops(x, function, **_):
    """Forward: a comparison or what it takes to compute f. Backward: the same for the slope, and a product."""
    counts = {"relu": (1, 2), "leaky_relu": (2, 2), "sigmoid": (3, 5), "tanh": (1, 7), "arctan": (1, 4)}
    forward, backward = counts[function]
    return forward * math.prod(x), backward * math.prod(x)


def case(draw):
    shape = tuple(draw.integer(1, 5) for _ in range(draw.integer(1, 4)))
    return {"x": shape, "function": draw.choice(FUNCTIONS)}


operation = Operation(
    name="activation",
    summary="One and the same f on every value: ReLU, leaky ReLU, sigmoid, tanh or arctan.",
    source="Zozoulenko (2018), eq. 5-7 and 29-30; Murugan (2017), table 1",
    inputs=("x",),
    outputs=("y",),
    settings={"function": "relu"},
    gradients=("x",),
    needs=("x",),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 32, 24, 24)},
    values={"x": samples.away_from_zero},
    hard={"x": HARD},
)
