from lessons.judging import Budget, Climb, Mistake, rungs_of


def case(draw):
    return {"x": draw.normal(draw.size(1, 1500))}


def expected(x):
    return {"y": x.sum(keepdims=True)}


def ours(x, y):
    return rungs_of("reduce", x=x, y=y)


judge = Climb(
    function="forward",
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"x": draw.normal(4096)}, most={"turns": 200, "idle lanes": 35, "sectors": 570}),
    ours=ours,
    mistakes=[
        Mistake(
            "    half = BLOCK // 2\n"
            "    while half > 0:\n"
            "        cuda.syncthreads()  # the level below is complete\n"
            "        if t < half:\n"
            "            shared[t] += shared[t + half]\n"
            "        half //= 2\n",
            "    apart = 1\n"
            "    while apart < BLOCK:\n"
            "        cuda.syncthreads()  # the level below is complete\n"
            "        if t % (2 * apart) == 0:\n"
            "            shared[t] += shared[t + apart]\n"
            "        apart *= 2\n",
            "There are fewer trees now, but in each a whole warp still comes by for a few lanes that are far apart: "
            "let those that have something to do be neighbours.",
        ),
        Mistake(
            "    parts = scratch(x, BLOCKS)\n    return [sum_strided[BLOCKS, BLOCK](x, parts)",
            "    parts = scratch(x, -(-x.size // BLOCK))\n    return [sum_strided[parts.size, BLOCK](x, parts)",
            "With a thread for each value nothing is added up before the trees, and each BLOCK values take one.",
        ),
        Mistake(
            "    for i in range(cuda.blockIdx.x * BLOCK + t, x.size, cuda.gridDim.x * BLOCK):\n",
            "    each = -(-x.size // (cuda.gridDim.x * BLOCK))\n"
            "    first = (cuda.blockIdx.x * BLOCK + t) * each\n"
            "    for i in range(first, min(first + each, x.size)):\n",
            "Each thread has a stretch of x to itself, as on a CPU; but at every step a warp then reads 32 places that "
            "are far apart.",
        ),
        Mistake(
            "        cuda.syncthreads()  # the level below is complete\n        if t < half:\n",
            "        if t < half:\n",
            "A level of the tree is added up before the threads below have finished theirs.",
        ),
    ],
)
