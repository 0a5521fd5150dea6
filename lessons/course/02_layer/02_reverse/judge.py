from lessons.judging import Budget, Mistake, Write


def case(draw):
    size = draw.size(2, 5)
    return {"w": draw.normal(draw.size(1, 4), size * draw.choice(size, size + 1))}


def expected(w):
    return {"w": w[:, ::-1]}


MIRRORED = """    if i < w.shape[1]:
        part[i] = w[c, i]
    cuda.syncthreads()  # the weights are all in shared memory, and w may be written over
    if i < w.shape[1]:
        w[c, i] = part[w.shape[1] - 1 - i]
"""
SWAPPED = """    if i < w.shape[1] // 2:
        opposite = w.shape[1] - 1 - i
        weight = w[c, i]
        w[c, i] = w[c, opposite]
        w[c, opposite] = weight
"""

judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"w": draw.normal(4, 25)}, most={"requests": 8}),  # a read and a write of each row
    mistakes=[
        Mistake(
            "    cuda.syncthreads()  # the weights are all in shared memory, and w may be written over\n",
            "",
            "A weight is read from part that nobody has written by then: each of S threads must have put its own "
            "there, and must be waited for.",
        ),
        Mistake(
            "    cuda.syncthreads()  # the weights are all in shared memory, and w may be written over\n"
            "    if i < w.shape[1]:\n",
            "        cuda.syncthreads()\n",
            "The barrier stands under the guard: threads without a weight never come to it, and the others wait.",
        ),
        Mistake(
            "part[w.shape[1] - 1 - i]",
            "part[w.shape[1] - i]",
            "Place S of part is read, where no weight is: S weights have the numbers 0 to S - 1.",
        ),
        Mistake(
            "    if i < w.shape[1]:\n        part[i]",
            "    part[i]",
            "Place S of a row of w is asked for, and its last is S - 1. There are 32 threads: those from number S on "
            "have no weight to read and no place to write.",
        ),
        Mistake(
            MIRRORED,
            SWAPPED,
            "The weights are right. But a row takes more than two requests, as in a swap, where half of the threads "
            "read and write twice: with shared memory each reads one weight and writes one.",
        ),
    ],
)
