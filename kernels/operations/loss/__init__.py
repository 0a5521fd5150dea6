"""Losses: how far the predictions of each example are from their targets, feature by feature."""

from kernels.operation import Operation, require_axes, require_choice, require_same_shape
from kernels.operations import samples

FUNCTIONS = ("mse", "msle", "l2", "l1", "mae", "mape", "bce")


def shapes(prediction, target, function, **_):
    """prediction and target (R, N) -> y (R,). Raises ShapeError, also for an unknown function."""
    require_axes("loss", "R, N", prediction=prediction, target=target)
    require_same_shape("loss", prediction=prediction, target=target)
    require_choice("loss", "function", function, FUNCTIONS)
    return {"y": prediction[:1]}


def flops(prediction, function, **_):
    """The term and its addition for each feature; the slope and its product with the delta-error."""
    R, N = prediction
    term, slope = {
        "mse": (2, 2),
        "msle": (6, 7),
        "l2": (2, 2),
        "l1": (2, 2),
        "mae": (2, 2),
        "mape": (4, 5),
        "bce": (7, 5),
    }[function]
    return R * N * (term + 1), R * N * (slope + 1)


def case(draw):
    shape = samples.rows(draw)
    return {"prediction": shape, "target": shape, "function": draw.choice(FUNCTIONS)}


operation = Operation(
    name="loss",
    summary="How far the predictions of each example are from their targets, feature by feature.",
    source="Zozoulenko (2018), eq. 8 and 16; Murugan (2017), eq. 2.4-2.9 and 2.14",
    inputs=("prediction", "target"),
    outputs=("y",),
    settings={"function": "mse"},
    gradients=("prediction",),
    needs=("prediction", "target"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"prediction": (50, 10), "target": (50, 10)},
    values={"prediction": samples.probabilities, "target": samples.probabilities},
)
