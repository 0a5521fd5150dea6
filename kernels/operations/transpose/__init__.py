"""Transposition: rows become columns, as where channels go last."""

from kernels.operation import Operation, require_axes


def shapes(x, **_):
    """x (R, M, N) -> y (R, N, M). Raises ShapeError."""
    require_axes("transpose", "R, M, N", x=x)
    R, M, N = x
    return {"y": (R, N, M)}


def flops(x, **_):
    """Nothing is computed."""
    return 0, 0


def case(draw):
    return {"x": (draw.integer(1, 4), draw.choice((1, 2, 3, 4, 8, 12, 13)), draw.choice((1, 2, 5, 8, 16, 20, 33)))}


operation = Operation(
    name="transpose",
    summary="Rows become columns: channels go last, so that what belongs to one place stands together.",
    source="Ruetsch and Micikevicius (2009), Optimizing Matrix Transpose in CUDA",
    inputs=("x",),
    outputs=("y",),
    gradients=("x",),
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (16, 64, 1024)},
)
