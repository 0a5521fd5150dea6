"""Upsampling: a picture in another size, by the nearest value or by a weighted mean of the four around."""

import math

from kernels.operation import Operation, require_choice
from kernels.operations.scaling import scaled_shape

MODES = ("nearest", "bilinear")


def shapes(x, size, mode, **_):
    """x (R, C, H, W) -> y (R, C, *size). Raises ShapeError, also for an unknown mode."""
    require_choice("upsample2d", "mode", mode, MODES)
    return {"y": scaled_shape("upsample2d", x, size)}


def flops(x, size, mode, **_):
    """Nothing but copies for nearest; four products and three additions for bilinear. Backward adds each product."""
    y = math.prod(x[:2]) * math.prod(size)
    return (0, y) if mode == "nearest" else (7 * y, 8 * y)


def case(draw):
    """Larger, smaller and equal sizes, by whole factors and others, each direction on its own."""
    x = (draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 7), draw.choice((1, 2, 3, 4, 5, 6, 7, 8)))
    factor = draw.choice((None, 2, 3))
    size = (2 * x[2], factor * x[3]) if factor else (draw.integer(1, 12), draw.integer(1, 12))
    return {"x": x, "size": size, "mode": draw.choice(MODES)}


operation = Operation(
    name="upsample2d",
    summary="A picture in another size, by the nearest value or by a weighted mean of the four around.",
    source="Lin et al. (2017), Feature Pyramid Networks, section 3; Zozoulenko (2018), section 3.3.2",
    inputs=("x",),
    outputs=("y",),
    settings={"size": (2, 2), "mode": "nearest"},
    gradients=("x",),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (2, 128, 32, 32), "size": (64, 64)},
)
