import numpy as np

from lessons.judging import Budget, Mistake, Write


def case(draw):
    return {"x": draw.whole(-9, 9, draw.size(1, 3), draw.size(2, 16))}


def expected(x):
    return {"y": np.cumsum(x, axis=1, dtype=np.int32)}


LOOP = """\
    distance = 1
    while distance < BLOCK:
        total = sums[t]
        if t >= distance:
            total += sums[t - distance]
        cuda.syncthreads()  # all have read
        sums[t] = total
        cuda.syncthreads()  # all have written
        distance *= 2
"""

judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"x": draw.whole(-9, 9, 3, 16)}, most={"turns": 46}),
    mistakes=[
        Mistake(
            "        cuda.syncthreads()  # all have read\n",
            "",
            "Here a thread comes upon a sum that is too new or too old: a neighbour has written before it had read, or "
            "has not written yet when it reads on.",
        ),
        Mistake(
            "if t >= distance:",
            "if t > distance:",
            "The thread whose number is the distance has a neighbour at that distance: thread 0.",
        ),
        Mistake(
            "distance *= 2",
            "distance += 1",
            "After the first turn each thread holds the sum of two, after the second of four: the distance has to grow "
            "as they do, or numbers are added twice.",
        ),
        Mistake(
            LOOP,
            """\
    if t == 0:
        for n in range(1, BLOCK):
            sums[n] += sums[n - 1]
    cuda.syncthreads()
""",
            "The sums are right, but one thread makes them, one after the other, and all others wait for it.",
        ),
        Mistake(
            LOOP,
            """\
    total = sums[t]
    for n in range(t):
        total += sums[n]
    cuda.syncthreads()
    sums[t] = total
    cuda.syncthreads()
""",
            "The sums are right, but the last thread adds 15 numbers, one after the other: what its neighbours have "
            "added already would spare it most of them.",
        ),
    ],
)
