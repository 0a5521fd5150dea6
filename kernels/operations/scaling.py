"""What upsampling and resizing share: the size that they give to a picture."""

from kernels.operation import ShapeError, require_axes


def scaled_shape(name, x, size):
    """x (R, C, H, W) -> (R, C, *size). Raises ShapeError, in the name of the operation `name`."""
    require_axes(name, "R, C, H, W", x=x)
    size = tuple(size)
    if len(size) != 2 or min(size) < 1:
        raise ShapeError(f"{name}: size {size} must be two sizes (rows, columns) of at least 1")
    return (*x[:2], *size)
