from lessons.judging import Budget, Mistake, Write


def case(draw):
    return {"x": draw.normal(draw.size(1, 150))}


def expected(x):
    return {"y": x.sum(keepdims=True)}


TREE = """    half = BLOCK // 2
    while half > 0:
        if t < half:
            sums[t] += sums[t + half]
        cuda.syncthreads()  # this level of the tree is complete
        half //= 2
"""
TWICE = """    half = BLOCK // 2
    while half > 0:
        if t < half:
            total += sums[t + half]
        cuda.syncthreads()
        if t < half:
            sums[t] = total
        cuda.syncthreads()
        half //= 2
"""
SCATTERED = """    s = 1
    while s < BLOCK:
        if t % (2 * s) == 0:
            sums[t] += sums[t + s]
        cuda.syncthreads()
        s *= 2
"""

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
            TREE,
            "    if t == 0:\n        for other in range(1, BLOCK):\n            sums[0] += sums[other]\n",
            "That is right, but one thread adds while 63 wait for it: a tree has as many additions and six levels.",
        ),
        Mistake(
            TREE,
            SCATTERED,
            "Right, but those that add are strewn over both warps, or their addresses share banks.",
        ),
        Mistake(TREE, TWICE, "Right, but one barrier a level is enough if only the lower half writes."),
    ],
)
