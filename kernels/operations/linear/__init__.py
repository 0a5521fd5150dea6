"""Linear layer: every output is a weighted sum of all inputs of its example, plus a bias."""

from kernels.operation import Operation, ShapeError, require_axes, require_shape


def shapes(x, w, b=None, **_):
    """x (R, N), w (M, N), b (M,) or None -> y (R, M). Raises ShapeError."""
    require_axes("linear", "R, N", x=x)
    require_axes("linear", "M, N", w=w)
    if x[1] != w[1]:
        raise ShapeError(f"linear: w {w} does not fit x {x}: it must have a column for each of the {x[1]} inputs")
    if b is not None:
        require_shape("linear", (w[0],), b=b)
    return {"y": (x[0], w[0])}


def flops(x, w, b=None, **_):
    (R, N), M = x, w[0]
    forward = 2 * R * N * M + (0 if b is None else R * M)
    backward = 4 * R * N * M + (0 if b is None else R * M)
    return forward, backward


def case(draw):
    R, N, M = draw.integer(1, 9), draw.integer(1, 20), draw.integer(1, 9)
    return {"x": (R, N), "w": (M, N), "b": draw.choice((None, (M,)))}


operation = Operation(
    name="linear",
    summary="Every output is a weighted sum of all inputs of its example, plus a bias.",
    source="Zozoulenko (2018), eq. 1, 3, 15, 17, 18",
    inputs=("x", "w", "b"),
    outputs=("y",),
    optional=("b",),
    gradients=("x", "w", "b"),
    needs=("x", "w"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (50, 512), "w": (1024, 512), "b": (1024,)},
)
