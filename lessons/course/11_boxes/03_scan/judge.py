import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    return {"x": draw.whole(-9, 9, draw.size(1, 3), draw.size(2, 16))}


def expected(x):
    return {"y": np.cumsum(x, axis=1, dtype=np.int32)}


judge = Write(
    case=case,
    expected=expected,
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
    ],
)
