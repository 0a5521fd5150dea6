"""Convolution: every output weighs the window of inputs under it, all channels at once, with weights that all share."""

import math

from kernels.operation import Operation, ShapeError, window_output


def shapes(x, w, b=None, stride=(1, 1), padding=(0, 0), **_):
    """x (R, C, H, W), w (C', C, kh, kw), b (C',) or None -> y (R, C', H', W'). Raises ShapeError."""
    for name, shape, axes in (("x", x, "(R, C, H, W)"), ("w", w, "(C', C, kh, kw)"), ("b", b, "(C',)")):
        if shape is None and name == "b":
            continue
        if shape is None or len(shape) != axes.count(",") + (name != "b") or min(shape) < 1:
            raise ShapeError(f"conv2d: {name} {shape} is not {axes} with every size at least 1")
    for name, pair, low in (("stride", stride, 1), ("padding", padding, 0)):
        if not _is_pair(pair, low):
            raise ShapeError(f"conv2d: {name} {pair} must be a pair (rows, columns) of integers of at least {low}")
    (_, C, H, W), (C_out, C_w, kh, kw) = x, w
    if C_w != C:
        raise ShapeError(f"conv2d: w {w} expects {C_w} channels, x {x} has {C}")
    if b is not None and b != (C_out,):
        raise ShapeError(f"conv2d: b {b} must be ({C_out},), one bias for each output channel of w {w}")
    if kh > H + 2 * padding[0] or kw > W + 2 * padding[1]:
        raise ShapeError(f"conv2d: kernel {(kh, kw)} does not fit into input {(H, W)} with padding {padding}")
    return {"y": (x[0], C_out, *window_output("conv2d", (H, W), (kh, kw), stride, padding))}


def _is_pair(pair, low):
    return isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(p, int) and p >= low for p in pair)


def flops(x, w, b=None, stride=(1, 1), padding=(0, 0), **_):
    """A multiply-add for each output and weight of its channel, padding included; twice that backward, for dx and dw.

    The bias is not counted, neither its addition nor db: it is one operation where a weight window is C * kh * kw.
    """
    y = shapes(x, w, b, stride, padding)["y"]
    forward = 2 * math.prod(y) * math.prod(w[1:])
    return forward, 2 * forward


def case(draw):
    """Small, since interpreted threads take microseconds; with more channels than a tiny tile, and fewer.

    And with more input channels than the CPU scatters, and fewer.
    """
    kernel = (draw.integer(1, 3), draw.integer(1, 3))
    padding = (draw.integer(0, 2), draw.integer(0, 2))
    least = (max(1, k - 2 * p) for k, p in zip(kernel, padding, strict=True))
    C, C_out = draw.choice((1, 2, 3, 9)), draw.choice((1, 2, 5, 9))
    return {
        "x": (draw.integer(1, 2), C, *(size + draw.integer(0, 4) for size in least)),
        "w": (C_out, C, *kernel),
        "b": draw.choice(((C_out,), None)),
        "stride": (draw.integer(1, 3), draw.integer(1, 3)),
        "padding": padding,
    }


operation = Operation(
    name="conv2d",
    summary="Every output weighs the window of inputs under it, all channels at once, with weights that all share.",
    source="Zozoulenko (2018), eq. 20-28, with the stride of eq. 22-23 put into eq. 24-28; bias: Murugan (2017), "
    "eq. 3.72-3.74",
    inputs=("x", "w", "b"),
    outputs=("y",),
    settings={"stride": (1, 1), "padding": (0, 0)},
    optional=("b",),
    gradients=("x", "w", "b"),
    needs=("x", "w"),
    shapes=shapes,
    flops=flops,
    case=case,
    skips=lambda padding, **_: any(padding),  # a border of zeros, which kernels leave out
    typical={"x": (50, 32, 24, 24), "w": (32, 32, 5, 5), "b": (32,)},
)
