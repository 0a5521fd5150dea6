"""Normalisation: the bytes of pictures become numbers around 0 of size one, each channel in a plane of its own."""

import math

from kernels.operation import Operation, ShapeError, require_axes
from kernels.operations.samples import pixels


def shapes(x, mean, std, **_):
    """x (R, H, W, C) -> y (R, C, H, W). Raises ShapeError, also where mean and std are not C numbers each."""
    require_axes("normalise", "R, H, W, C", x=x)
    R, H, W, C = x
    if len(mean) != C or len(std) != C:
        raise ShapeError(f"normalise: mean {mean} and std {std} must have a number for each of the {C} channels")
    if not all(map(math.isfinite, mean)) or not all(0 < s < math.inf for s in std):
        raise ShapeError(f"normalise: mean {mean} must be finite, std {std} finite and above 0")
    return {"y": (R, C, H, W)}


def flops(x, **_):
    """A division by 255, a difference and a division by std for each value."""
    return 3 * math.prod(x), 0


def case(draw):
    """One to five channels, each with a mean and a standard deviation of its own; three of them as a rule."""
    C = draw.choice((3, 3, 1, 2, 4, 5))
    x = (draw.integer(1, 3), draw.integer(1, 6), draw.integer(1, 6), C)
    return {
        "x": x,
        "mean": tuple(draw.integer(0, 8) / 8 for _ in range(C)),
        "std": tuple(draw.integer(1, 8) / 8 for _ in range(C)),
    }


operation = Operation(
    name="normalise",
    summary="The bytes of pictures become numbers around 0 of size one, each channel in a plane of its own.",
    source="Zozoulenko (2018), eq. 39, with moments that are known beforehand; default: those of ImageNet",
    inputs=("x",),
    outputs=("y",),
    settings={"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (16, 320, 320, 3)},
    values={"x": pixels},
    dtypes={"x": "uint8"},
)
