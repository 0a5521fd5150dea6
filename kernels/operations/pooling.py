"""What max, average and L2 pooling share: their windows."""

from kernels.operation import ShapeError, require_axes, require_pairs, window_output


def pooled_shape(name, x, window, stride, padding):
    """x (R, C, H, W) -> (R, C, H', W'). Raises ShapeError, in the name of the operation `name`."""
    require_axes(name, "R, C, H, W", x=x)
    require_pairs(name, window=window, padding=padding)
    if any(p >= k for p, k in zip(padding, window, strict=True)):
        raise ShapeError(f"{name}: padding {padding} must be smaller than window {window}, or windows hold no value")
    return (*x[:2], *window_output(name, x[2:], window, stride, padding))


def pooling_case(draw):
    """Windows of all kinds: side by side, or that overlap, leave gaps, reach over an edge or leave values unused."""
    if draw.choice((True, False)):
        window, size = (draw.integer(1, 3), draw.integer(1, 3)), (draw.integer(1, 3), 4 * draw.integer(1, 2))
        size = tuple(k * n for k, n in zip(window, size, strict=True))
        shape = (draw.integer(1, 3), draw.integer(1, 3), *size)
        return {"x": shape, "window": window, "stride": window, "padding": (0, 0)}
    window = (draw.integer(1, 4), draw.integer(1, 4))
    padding = tuple(draw.integer(0, k - 1) for k in window)
    size = tuple(draw.integer(max(1, k - 2 * p), k + 6) for k, p in zip(window, padding, strict=True))
    return {
        "x": (draw.integer(1, 3), draw.integer(1, 3), *size),
        "window": window,
        "stride": (draw.integer(1, 5), draw.integer(1, 5)),
        "padding": padding,
    }


def pads(padding, **_):
    """Whether there is a border of zeros, which kernels leave out."""
    return any(padding)
