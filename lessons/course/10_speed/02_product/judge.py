import numpy as np

from lessons.judging import Budget, Climb, Mistake, rungs_of


def case(draw):
    R, N, M = draw.size(1, 18), draw.size(1, 10), draw.size(1, 18)
    return {"x": draw.normal(R, N), "w": draw.normal(N, M)}


def expected(x, w):
    return {"y": x @ w}


def ours(x, w, y):
    return rungs_of("linear", x=x, w=np.ascontiguousarray(w.T), y=y)  # whose weights have a row for each output


judge = Climb(
    function="forward",
    case=case,
    expected=expected,
    budget=Budget(
        case=lambda draw: {"x": draw.normal(64, 32), "w": draw.normal(32, 64)}, most={"sectors": 2700, "turns": 4900}
    ),
    ours=ours,
    mistakes=[
        Mistake(
            "PER = 2",
            "PER = 1",
            "Global memory is asked seldom enough, but each product still fetches both of its factors from shared "
            "memory. What a thread holds in a register can serve several products.",
        ),
        Mistake(
            "place // STEP, place % STEP",
            "place % TILE, place // TILE",
            "Neighbouring threads load neighbours of a column of x: each of them lies in a sector of its own.",
        ),
        Mistake(
            "            x_tile[r, i] = x[first_r + r, first_i + i] if inside else float32(0)\n",
            "            if inside:\n                x_tile[r, i] = x[first_r + r, first_i + i]\n",
            "Where the tile sticks out of the matrix nobody writes it, and the sum goes over what stood there: a zero "
            "adds nothing.",
        ),
        Mistake(
            "STEP = 8",
            "STEP = 16",
            "A warp reads four rows of the tile of x. If a row has 16 words, every other one begins in the same bank, "
            "and the lanes wait in turn: rows of 8 words, or of 17, do not meet.",
        ),
    ],
)
