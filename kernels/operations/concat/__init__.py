"""Concatenation: the rows of two arrays, one after the other, as where the levels of a pyramid join."""

from kernels.operation import Operation, ShapeError, require_axes


def shapes(a, b, **_):
    """a (R, M, N), b (R, P, N) -> y (R, M + P, N). Raises ShapeError."""
    require_axes("concat", "R, M, N", a=a)
    require_axes("concat", "R, P, N", b=b)
    if (a[0], a[2]) != (b[0], b[2]):
        raise ShapeError(f"concat: a {a} and b {b} must agree in their first and last size")
    return {"y": (a[0], a[1] + b[1], a[2])}


def flops(a, b, **_):
    """Nothing is computed."""
    return 0, 0


def case(draw):
    R, N = draw.integer(1, 4), draw.integer(1, 5)
    return {"a": (R, draw.integer(1, 9), N), "b": (R, draw.integer(1, 9), N)}


operation = Operation(
    name="concat",
    summary="The rows of two arrays, one after the other: so the levels of a pyramid join.",
    source="Lin et al. (2017), Focal Loss, section 4: the anchors of all levels are one set",
    inputs=("a", "b"),
    outputs=("y",),
    gradients=("a", "b"),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"a": (16, 6144, 4), "b": (16, 1536, 4)},
)
