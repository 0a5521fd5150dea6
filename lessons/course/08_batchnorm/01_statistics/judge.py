from lessons.judging import Budget, Mistake, Write


def images(draw, R, C, H, W):
    return {"x": draw.uniform(900, 1100, 1, C, 1, 1) + draw.normal(R, C, H, W)}


def case(draw):
    return images(draw, draw.size(1, 3), draw.size(1, 3), draw.size(1, 4), draw.size(2, 5))


def expected(x):
    axes = 0, 2, 3
    return {"mean": x.mean(axis=axes), "var": x.var(axis=axes)}


judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: images(draw, 2, 2, 3, 5), most={"turns": 61}),
    mistakes=[
        Mistake(
            """\
        distance = x[n // S, c, n % S] - mu
        squares += distance * distance
    variance = block_sum(squares, shared) / float32(count)
""",
            """\
        distance = x[n // S, c, n % S]
        squares += distance * distance
    variance = block_sum(squares, shared) / float32(count) - mu * mu
""",
            "Two numbers near a million are subtracted, and a float32 has no digits left for what differs by 1: take "
            "the mean off each value before you square it.",
        ),
        Mistake(
            "        cuda.syncthreads()  # the sums of this step are there\n",
            "",
            "A step of the tree reads what the step before it has written: all threads must have come so far.",
        ),
        Mistake(
            """\
    step = BLOCK // 2
    while step > 0:
        if t < step:
            shared[t] += shared[t + step]
        cuda.syncthreads()  # the sums of this step are there
        step //= 2
    total = shared[0]
""",
            """\
    total = float32(0)
    for n in range(BLOCK):
        total += shared[n]
""",
            "The sum is right, but it takes as many steps as there are threads, one after the other: a tree takes as "
            "many as one can halve their number.",
        ),
        Mistake(
            "mu = block_sum(total, shared) / float32(count)",
            "mu = block_sum(total, shared) / float32(S)",
            "S counts the pixels of one example: the mean is over all R examples, R * S values.",
        ),
        Mistake(
            "variance = block_sum(squares, shared) / float32(count)",
            "variance = block_sum(squares, shared) / float32(count - 1)",
            "That estimates the variance of a population from a sample; eq. 38 has that of the values themselves.",
        ),
    ],
)
