import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    x = draw.normal(draw.size(3, 11), draw.size(1, 9))
    x[0] -= 200  # where the plain form divides 0 by 0,
    x[-1] += 100  # and where it divides infinity by infinity
    return {"x": x}


def expected(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return {"y": e / e.sum(axis=1, keepdims=True)}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "largest = max(largest, x[r, c])",
            "largest = float32(0)",
            "In rows around 100 the exponentials are infinite, and in rows around -200 all of them are 0: nothing was "
            "subtracted before.",
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
