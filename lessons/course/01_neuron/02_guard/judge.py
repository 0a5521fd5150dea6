import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    return {"x": draw.normal(draw.size(1, 45))}


def expected(x):
    return {"y": 1 / (1 + np.exp(-x))}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "if i < x.size",
            "if i <= x.size",
            "A place behind the last value is read. Ask first whether a thread's i is below x.size, which is itself "
            "one too many: places are numbered from 0.",
        ),
        Mistake(
            "if i < x.size",
            "if cuda.threadIdx.x < x.size",
            "threadIdx counts within a block, and is small in every block: what has to be held against x.size is i.",
        ),
        Mistake(
            "if i < x.size",
            "if cuda.blockIdx.x < x.size // BLOCK",
            "The last block is neither all in nor all out: some of its threads have a value. Ask each thread.",
        ),
        Mistake(
            "-(-x.size // BLOCK)",
            "x.size // BLOCK",
            "The number of blocks is not rounded up, so values that do not fill a block get no threads.",
        ),
        Mistake(
            "    i = cuda.grid(1)\n    if i < x.size:\n",
            "    for i in range(x.size):\n",
            "Several threads write the same place: threadIdx counts within a block, and a loop over all i does in each "
            "thread the work of all. cuda.grid(1) is the one place that a thread is there for.",
        ),
    ],
)
