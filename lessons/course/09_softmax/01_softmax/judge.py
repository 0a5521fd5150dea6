import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    R, C = draw.size(4, 11), draw.size(1, 9)
    x = draw.normal(R, C)
    x[0] -= 200  # where the plain form divides 0 by 0,
    x[-1] += 100  # and where it divides infinity by infinity
    x[1] += np.resize([-200, 100], C)  # and where some other score than the largest is no help
    x[2] += np.resize([0, 100, -200], C)
    return {"x": x}


def expected(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return {"y": e / e.sum(axis=1, keepdims=True)}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            """\
        largest = x[r, 0]
        for c in range(1, C):
            largest = max(largest, x[r, c])
""",
            "        largest = float32(0)\n",
            "exp(100) is infinite in float32, and exp(-200) is 0: infinite / infinite and 0 / 0 are no numbers.",
        ),
        Mistake(
            """\
        for c in range(1, C):
            largest = max(largest, x[r, c])
""",
            "",
            "That is the first score of the row, which need not be its largest: the exponential of a score that stands "
            "89 or more above it is infinite still.",
        ),
        Mistake(
            "largest = x[r, 0]",
            "largest = float32(0)",
            "The search for the largest score begins with 0, so a row that is negative throughout keeps that 0: all "
            "its exponentials vanish, and so does their sum.",
        ),
        Mistake(
            "            y[r, c] = math.exp(x[r, c] - largest) / total",
            "            y[r, c] = math.exp(x[r, c]) / total",
            "The sum is of scores less the largest, so the other half of the fraction must be, too.",
        ),
        Mistake(
            "            y[r, c] = math.exp(x[r, c] - largest) / total",
            "            y[r, c] = math.exp(x[r, c] - largest)",
            "These are the exponentials. They become probabilities when each is divided by the sum of its row.",
        ),
    ],
)
