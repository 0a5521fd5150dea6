from lessons.judging import Budget, Derive, Mistake


def case(draw):
    return batch(draw, draw.size(1, 20), draw.size(1, 20))


def batch(draw, R, M):
    return {"x": draw.normal(R, 2), "w": draw.normal(M, 2), "b": draw.normal(M)}


def forward(x, w, b):
    return x @ w.T + b


judge = Derive(
    case=case,
    forward=forward,
    wrt=("b",),
    budget=Budget(case=lambda draw: batch(draw, 64, 32), most={"sectors": 260}),
    mistakes=[
        Mistake(
            "tj = cuda.threadIdx.x  # which of the 8 columns is yours, from 0 to 7\n    tr = cuda.threadIdx.y",
            "tj = cuda.threadIdx.y\n    tr = cuda.threadIdx.x",
            "Right, but threads that follow each other are those in x, and here they read down a column, each value a "
            "row from the next. Neighbours are to read neighbours.",
        ),
        Mistake(
            "range(tr, dy.shape[0], SIDE)",
            "range(dy.shape[0])",
            "Each of the 8 threads of a column adds up all of it, and the tree then adds 8 whole sums: they are to "
            "share the examples out.",
        ),
        Mistake(
            "    if j < db.size:\n        for r in range(tr, dy.shape[0], SIDE):\n            total += dy[r, j]",
            "    for r in range(tr, dy.shape[0], SIDE):\n        total += dy[r, j]",
            "The last block has threads without a column. They must come to the barriers with a total of 0, but there "
            "is nothing for them to read.",
        ),
        Mistake(
            "j = cuda.blockIdx.x * SIDE + tj",
            "j = tj",
            "Every block takes the first 8 columns: tj counts within a block, j over all of dy.",
        ),
        Mistake(
            "    if j < db.size:\n        for r in range(tr, dy.shape[0], SIDE):\n            total += dy[r, j]",
            "    if j >= db.size:\n"
            "        return\n"
            "    for r in range(tr, dy.shape[0], SIDE):\n"
            "        total += dy[r, j]",
            "Threads without a column leave here, before the barriers of the tree, which are for all of the block.",
        ),
    ],
)
