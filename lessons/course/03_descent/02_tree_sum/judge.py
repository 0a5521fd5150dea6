from lessons.judging import Budget, Mistake, Write


def case(draw):
    return {"x": draw.normal(draw.size(1, 150))}


def expected(x):
    return {"y": x.sum(keepdims=True)}


judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"x": draw.normal(64)}, most={"barriers": 7, "turns": 21}),
    mistakes=[
        Mistake(
            "        cuda.syncthreads()  # this level of the tree is complete\n",
            "",
            "Nobody waits between two levels: a thread reads what another of the level above has yet to write.",
        ),
        Mistake(
            "        cuda.syncthreads()  # this level",
            "            cuda.syncthreads()  # this level",
            "Only the threads that add come to this barrier, and it waits for all of the block: a barrier stands "
            "outside of any `if` that not all threads enter.",
        ),
        Mistake(
            "while half > 0",
            "while half > 1",
            "The last level is missing: two sums are left, and only one of them is written.",
        ),
        Mistake(
            "    half = BLOCK // 2\n"
            "    while half > 0:\n"
            "        if t < half:\n"
            "            sums[t] += sums[t + half]\n"
            "        cuda.syncthreads()  # this level of the tree is complete\n"
            "        half //= 2\n",
            "    if t == 0:\n        for other in range(1, BLOCK):\n            sums[0] += sums[other]\n",
            "That is right, but one thread adds while 63 wait for it: a tree has as many additions and six levels.",
        ),
    ],
)
