from lessons.judging import Mistake, Write


def case(draw):
    size = draw.size(2, 5)
    return {"w": draw.normal(draw.size(1, 4), size * draw.choice(size, size + 1))}


def expected(w):
    return {"w": w[:, ::-1]}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "    cuda.syncthreads()  # the weights are all in shared memory, and w may be written over\n",
            "",
            "A thread reads from part what another thread has not written yet: nobody makes it wait.",
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
            "For i = 0 that is the place behind the last weight: S weights have the numbers 0 to S - 1.",
        ),
        Mistake(
            "part[w.shape[1] - 1 - i]",
            "part[BLOCK - 1 - i]",
            "That turns all 32 places of part round, of which only the first S hold a weight.",
        ),
    ],
)
