"""Top k: of each picture's rows, the k whose value in one column is largest, in falling order."""

import math

from kernels.operation import Operation, ShapeError, require_axes


def shapes(x, k, column, **_):
    """x (R, N, C) -> value and index (R, k). Raises ShapeError, also for a column that x does not have."""
    require_axes("topk", "R, N, C", x=x)
    R, N, C = x
    if not 1 <= k <= N:
        raise ShapeError(f"topk: k {k} must be at least 1 and at most {N}, the rows of x {x}")
    if not -C <= column < C:
        raise ShapeError(f"topk: unknown column {column} of x {x}; choose from {-C} to {C - 1}")
    return {"value": (R, k), "index": (R, k)}


def flops(x, k, **_):
    """A comparison for each row to choose k of them, and k log2 k to sort these."""
    R, N, _ = x
    return R * (N + k * math.ceil(math.log2(k))), 0


def case(draw):
    N, C = draw.choice((1, 2, 7, 16, 33, 50)), draw.integer(1, 3)
    return {"x": (draw.integer(1, 3), N, C), "k": draw.integer(1, N), "column": draw.integer(-C, C - 1)}


operation = Operation(
    name="topk",
    summary="Of each picture's rows, the k whose value in one column is largest, in falling order.",
    source="Lin et al. (2017), section 4.1: at most 1000 predictions are decoded",
    inputs=("x",),
    outputs=("value", "index"),
    settings={"k": 1000, "column": -1},
    shapes=shapes,
    flops=flops,
    case=case,
    typical={"x": (1, 16320, 2), "k": 1000},
    dtypes={"index": "int32"},
)
