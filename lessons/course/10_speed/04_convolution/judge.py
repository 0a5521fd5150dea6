import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lessons.judging import Budget, Climb, Mistake, rungs_of


def case(draw):
    C, M = draw.choice((1, 2), (2, 1), (2, 2))
    H, W = draw.choice((draw.size(3, 8), draw.size(3, 20)), (draw.size(3, 6), draw.size(3, 36)))
    return {"x": draw.normal(C, H, W), "w": draw.normal(M, C, 3, 3)}


def expected(x, w):
    return {"y": np.einsum("cijab,mcab->mij", sliding_window_view(x, (3, 3), axis=(1, 2)), w)}


def ours(x, w, y):
    return rungs_of("conv2d", x=x[None], w=w, y=y[None])  # which has a batch of images


judge = Climb(
    function="forward",
    case=case,
    expected=expected,
    budget=Budget(
        case=lambda draw: {"x": draw.normal(2, 10, 66), "w": draw.normal(4, 2, 3, 3)}, most={"sectors": 1450}
    ),
    ours=ours,
    mistakes=[
        Mistake(
            "x_tile[ti + a, tj + b] * w_tile[a, b]",
            "x_tile[ti + a, tj + b] * w[m, c, a, b]",
            "The inputs are fetched once for a block, but each warp still fetches every weight for itself.",
        ),
        Mistake(
            "COLUMNS, ROWS = WIDTH + SIDE - 1, HEIGHT + SIDE - 1",
            "COLUMNS, ROWS = WIDTH, HEIGHT",
            "The windows of the last outputs of a block reach beyond a tile that is only as large as the outputs.",
        ),
        Mistake(
            "place // COLUMNS, place % COLUMNS",
            "place % ROWS, place // ROWS",
            "Neighbouring threads load what lies below each other: copy the tile in the order in which x lies there.",
        ),
        Mistake(
            "        cuda.syncthreads()  # nobody reads these tiles any more\n",
            "",
            "A fast thread loads the next channel while a slow one still weighs this one.",
        ),
    ],
)
