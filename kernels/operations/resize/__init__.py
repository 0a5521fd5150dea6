"""Resizing: a picture in another size, each value a weighted mean of all that lie under it, so that none is skipped."""

from kernels.operation import Operation
from kernels.operations.scaling import scaled_shape


def shapes(x, size, **_):
    """x (R, C, H, W) -> y (R, C, *size). Raises ShapeError."""
    return {"y": scaled_shape("resize", x, size)}


def flops(x, size, **_):
    """Rows first, then columns: a multiply-add for each value under the filter."""
    R, C, H, W = x
    H_out, W_out = size
    return 2 * R * C * (taps(H, H_out) * W + H_out * taps(W, W_out)), 0


def taps(H, H_out):
    """How many rows the filters of all output rows lie on, together."""
    from kernels.operations.resize.functions import first_under, past_under  # here: what kernels share loads Numba

    return sum(past_under(h_out, H, H_out) - first_under(h_out, H, H_out) for h_out in range(H_out))


def case(draw):
    """Larger, smaller and equal sizes, by whole factors and others, each direction on its own."""
    x = (draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 12), draw.integer(1, 12))
    size = draw.choice(((x[2], x[3]), None, None, None))
    return {"x": x, "size": size or (draw.integer(1, 9), draw.integer(1, 9))}


operation = Operation(
    name="resize",
    summary="A picture in another size, each value a weighted mean of all that lie under it.",
    source="Heckbert (1989), Fundamentals of Texture Mapping and Image Warping; as Pillow's BILINEAR",
    inputs=("x",),
    outputs=("y",),
    settings={"size": (2, 2)},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (4, 3, 480, 640), "size": (320, 320)},
)
