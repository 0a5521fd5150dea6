"""Reshape: the same values under another shape, as between the last convolution and the first dense layer.

Nothing runs: arrays are contiguous, so the output is the input's own memory read under another shape, and the
delta-error goes back the same way. Murugan (2017), section 2.4, calls it stretching to a single column vector.
"""

import math

from kernels.operation import Operation, ShapeError


def shapes(x, shape, **_):
    """x of any shape -> y of the given one. Raises ShapeError where that has another number of values."""
    shape = tuple(shape)
    if any(size < 1 for size in shape) or math.prod(shape) != math.prod(x):
        raise ShapeError(f"reshape: shape {shape} does not hold the {math.prod(x)} values of x {x}")
    return {"y": shape}


def flops(x, **_):
    return 0, 0


def case(draw):
    R, C, H, W = (draw.integer(1, 4) for _ in range(4))
    return {"x": (R, C, H, W), "shape": draw.choice(((R, C * H * W), (R * C, H, W), (R, H, W, C)))}


operation = Operation(
    name="reshape",
    summary="The same values under another shape: nothing runs.",
    source="Murugan (2017), section 2.4",
    inputs=("x",),
    outputs=("y",),
    settings={"shape": ()},
    gradients=("x",),
    shapes=shapes,
    flops=flops,
    case=case,
    view=True,
)
