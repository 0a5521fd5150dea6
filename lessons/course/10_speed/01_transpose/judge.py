from lessons.judging import Budget, Climb, Mistake, rungs_of


def case(draw):
    return {"x": draw.normal(draw.size(1, 40), draw.size(1, 40))}


def expected(x):
    return {"y": x.T}


def ours(x, y):
    return rungs_of("transpose", x=x[None], y=y[None])  # which has a batch of matrices


judge = Climb(
    function="forward",
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"x": draw.normal(64, 128)}, most={"sectors": 2048, "turns": 512}),
    ours=ours,
    mistakes=[
        Mistake("(TILE, PADDED)", "(TILE, TILE)", "A column of the tile lies in one bank, so 32 lanes wait in turn."),
        Mistake(
            "    i, j = cuda.blockIdx.y * TILE + tx, cuda.blockIdx.x * TILE + ty\n"
            "    if i < x.shape[0] and j < x.shape[1]:\n"
            "        y[j, i] = tile[tx, ty]\n",
            "    if i < x.shape[0] and j < x.shape[1]:\n        y[j, i] = tile[ty, tx]\n",
            "A warp still writes down a column of y. Its lanes must write neighbours in a row of y, and so values that "
            "other threads have read.",
        ),
        Mistake(
            "y[j, i] = tile[tx, ty]",
            "y[j, i] = tile[ty, tx]",
            "Thread (tx, ty) now stands for another i and j than when it read: where in the tile is x[i, j]?",
        ),
        Mistake(
            "    cuda.syncthreads()  # the tile is there\n",
            "",
            "A thread takes from the tile what another one puts there, and nothing makes it wait for that.",
        ),
    ],
)
