from lessons.judging import Budget, Mistake, Write


def case(draw):
    R, N = draw.size(1, 3), draw.size(1, 70)
    return {"prediction": draw.normal(R, N), "target": draw.normal(R, N)}


def expected(prediction, target):
    return {"y": ((prediction - target) ** 2).mean(axis=1)}


def several(draw):
    return {"prediction": draw.normal(4, 64), "target": draw.normal(4, 64)}


judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=several, most={"barriers": 0, "turns": 0, "float64": 0}),
    mistakes=[
        Mistake(
            "distance = WARP // 2",
            "distance = WARP",
            "A distance has five bits, so one of 32 is one of 0: each lane adds its own value once more.",
        ),
        Mistake(
            "        total += cuda.shfl_down_sync(ALL_LANES, total, distance)",
            "        if lane < distance:\n            total += cuda.shfl_down_sync(ALL_LANES, total, distance)",
            "A shuffle is a meeting: the mask names all lanes, so all must call it, also those whose result nobody "
            "looks at any more.",
        ),
        Mistake(
            "    if lane == 0:\n        y[r] =",
            "    y[r] =",
            "All lanes write y[r], and only lane 0 has the whole sum: values come down to it from above.",
        ),
        Mistake(
            "    distance = WARP // 2\n"
            "    while distance > 0:\n"
            "        total += cuda.shfl_down_sync(ALL_LANES, total, distance)\n"
            "        distance //= 2\n",
            "    sums = cuda.shared.array(WARP, float32)\n"
            "    sums[lane] = total\n"
            "    cuda.syncthreads()\n"
            "    half = WARP // 2\n"
            "    while half > 0:\n"
            "        if lane < half:\n"
            "            sums[lane] += sums[lane + half]\n"
            "        cuda.syncthreads()\n"
            "        half //= 2\n"
            "    total = sums[0]\n",
            "That is the tree of a block. The lanes of a warp need neither shared memory nor a barrier to pass values "
            "on.",
        ),
        Mistake(
            "if lane == 0:",
            "if lane == WARP - 1:",
            "shfl_down brings values down: lane 0 has the sum.",
        ),
        Mistake(
            "total / float32(prediction.shape[1])",
            "total / prediction.shape[1]",
            "The result is right, but a shape is a whole number of 64 bits: the division is one in float64.",
        ),
    ],
)
