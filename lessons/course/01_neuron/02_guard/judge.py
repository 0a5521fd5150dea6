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
            "A thread works on place x.size. The places are numbered from 0, so that one is just behind the last.",
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
            "// rounds down, so the values that do not fill a block get no threads.",
        ),
    ],
)
