"""Max pooling: each window passes its largest value on, and its delta-error back to where that value stood."""

import math

from kernels.operation import Operation, ShapeError, window_output


def shapes(x, window, stride, padding, **_):
    """x (R, C, H, W) -> y and winner (R, C, H', W'). Raises ShapeError."""
    if any(p >= k for p, k in zip(padding, window, strict=True)):
        raise ShapeError(f"maxpool2d: padding {padding} must be smaller than window {window}, or windows hold no value")
    y = (*x[:2], *window_output("maxpool2d", x[2:], window, stride, padding))
    return {"y": y, "winner": y}


def flops(x, window, stride, padding, **_):
    y = shapes(x, window, stride, padding)["y"]
    return math.prod(y) * (math.prod(window) - 1), math.prod(y)


def case(draw):
    window = (draw.integer(1, 4), draw.integer(1, 4))
    padding = tuple(draw.integer(0, k - 1) for k in window)
    size = tuple(draw.integer(max(1, k - 2 * p), k + 6) for k, p in zip(window, padding, strict=True))
    return {
        "x": (draw.integer(1, 3), draw.integer(1, 3), *size),
        "window": window,
        "stride": (draw.integer(1, 5), draw.integer(1, 5)),
        "padding": padding,
    }


operation = Operation(
    name="maxpool2d",
    summary="Each window passes its largest value on, and its delta-error back to where that value stood.",
    source="Zozoulenko (2018), eq. 31-36",
    inputs=("x",),
    outputs=("y",),
    saved=("winner",),
    settings={"window": (2, 2), "stride": (2, 2), "padding": (0, 0)},
    gradients=("x",),
    needs=("winner",),
    shapes=shapes,
    flops=flops,
    case=case,
    dtypes={"winner": "int32"},
)
