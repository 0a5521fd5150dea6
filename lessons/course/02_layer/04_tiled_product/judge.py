from lessons.judging import Budget, Mistake, Write


def case(draw):
    return layer(draw, draw.size(2, 11), draw.size(2, 18), draw.size(2, 11))


def layer(draw, examples, inputs, neurons):
    return {"x": draw.normal(examples, inputs), "w": draw.normal(neurons, inputs), "b": draw.normal(neurons)}


def expected(x, w, b):
    return {"y": x @ w.T + b}


LOOP = """        i = first_i + tx  # the input of both values that this thread fetches: neighbours fetch neighbours
        x_tile[ty, tx] = x[r, i] if r < x.shape[0] and i < x.shape[1] else float32(0)
        w_tile[ty, tx] = w[first_j + ty, i] if first_j + ty < w.shape[0] and i < w.shape[1] else float32(0)
        cuda.syncthreads()  # both tiles are complete
        for k in range(TILE):
            total += x_tile[ty, k] * w_tile[tx, k]
        cuda.syncthreads()  # nobody reads these tiles any more: the next turn may write over them
"""

judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: layer(draw, 24, 32, 24), most={"sectors": 700}),
    mistakes=[
        Mistake(
            "w_tile[tx, k]",
            "w_tile[k, tx]",
            "Between writing and reading, neuron and input of w_tile change places. In the exercise before this a row "
            "of w was an input; here a row is a neuron.",
        ),
        Mistake(
            " if r < x.shape[0] and i < x.shape[1] else float32(0)",
            "",
            "Input N of x is read, and the last is N - 1. At an edge, some threads of a block have nothing to read.",
        ),
        Mistake(
            "range(0, x.shape[1], TILE)",
            "range(0, x.shape[1] // TILE * TILE, TILE)",
            "Inputs that do not fill a tile are left out of the sum: N need not be a multiple of TILE.",
        ),
        Mistake(
            "        cuda.syncthreads()  # nobody reads these tiles any more: the next turn may write over them\n",
            "",
            "A thread writes a place of a tile at which another may still be busy: nobody may begin the next turn "
            "before all have read the tiles of this one.",
        ),
        Mistake(
            LOOP,
            LOOP.replace("i = first_i + tx", "i, n = first_i + tx, first_i + ty")
            .replace("w_tile[ty, tx] = w[first_j + ty, i]", "w_tile[tx, ty] = w[j, n]")
            .replace("first_j + ty < w.shape[0] and i <", "j < w.shape[0] and n <"),
            "The results are right. But threads neighbouring along x fetch from different rows of w: a column of it.",
        ),
    ],
)
