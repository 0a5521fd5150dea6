from lessons.judging import Budget, Mistake, Write


def case(draw):
    return layer(draw, draw.size(2, 11), draw.size(2, 18), draw.size(2, 11))


def layer(draw, examples, inputs, neurons):
    return {"x": draw.normal(examples, inputs), "w": draw.normal(neurons, inputs), "b": draw.normal(neurons)}


def expected(x, w, b):
    return {"y": x @ w.T + b}


FETCH_X = "x_tile[ty, tx] = x[r, i] if r < x.shape[0] and i < x.shape[1] else float32(0)\n"
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
            "        cuda.syncthreads()  # both tiles are complete\n",
            "",
            "The products are made before the tiles are complete: nobody waits for what the others fetch.",
        ),
        Mistake(
            FETCH_X,
            "if r < x.shape[0] and i < x.shape[1]:\n            x_tile[ty, tx] = x[r, i]\n",
            "Beyond an edge nothing is written, and yet it is read: what stands there is whatever somebody left there.",
        ),
        Mistake(
            LOOP,
            LOOP.replace("i = first_i + tx", "i, n = first_i + tx, first_i + ty")
            .replace("w_tile[ty, tx] = w[first_j + ty, i]", "w_tile[tx, ty] = w[j, n]")
            .replace("first_j + ty < w.shape[0] and i <", "j < w.shape[0] and n <"),
            "The results are right. But threads neighbouring along x fetch from different rows of w: a column of it.",
        ),
        Mistake(
            LOOP,
            """        for i in range(first_i, min(first_i + TILE, x.shape[1])):
            if r < x.shape[0] and j < w.shape[0]:
                total += x[r, i] * w[j, i]
""",
            "The results are right. But no tile is used: each thread reads from memory what others read as well.",
        ),
    ],
)
