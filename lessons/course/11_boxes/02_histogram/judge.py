import numpy as np

from lessons.judging import Budget, Mistake, Write

BINS = 6


def case(draw):
    labels = draw.whole(0, draw.choice(1, BINS - 1), draw.size(3, 150), dtype="uint8")
    labels[:3] = BINS - 1, BINS - 1, 0  # so that two meet in a bin
    return {"labels": labels, "counts": draw.whole(0, 9, BINS)}


def expected(labels, counts):
    return {"counts": (counts + np.bincount(labels, minlength=BINS)).astype(np.int32)}


def four_blocks(draw):
    return {"labels": draw.whole(0, BINS - 1, 256, dtype="uint8"), "counts": draw.whole(0, 9, BINS)}


judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=four_blocks, most={"requests": 12}),
    mistakes=[
        Mistake(
            """\
        cuda.atomic.add(bins, labels[i], 1)
    cuda.syncthreads()  # all have counted
    if t < BINS:
        cuda.atomic.add(counts, t, bins[t])
""",
            "        cuda.atomic.add(counts, labels[i], 1)\n",
            "The counts are right, but every label goes to global memory, and there all blocks wait for one another.",
        ),
        Mistake(
            "cuda.atomic.add(bins, labels[i], 1)",
            "bins[labels[i]] += 1",
            "Two threads with the same label read the same count, both add 1 to it, and both write: one of the two is "
            "lost.",
        ),
        Mistake(
            "    if t < BINS:\n        bins[t] = 0\n",
            "",
            "A block's shared memory holds anything when it begins, and this counts on from what nobody has "
            "emptied, or not yet.",
        ),
        Mistake(
            "    cuda.syncthreads()  # all have counted\n",
            "",
            "A bin is added to the counts while other threads may still have to count into it.",
        ),
        Mistake(
            "cuda.atomic.add(counts, t, bins[t])",
            "counts[t] += bins[t]",
            "The threads of a block have a bin each, but all blocks add to the same counts: they, too, get in each "
            "other's way.",
        ),
    ],
)
