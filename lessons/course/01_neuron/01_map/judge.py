import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    return {"x": draw.normal(8 * draw.size(1, 6))}


def expected(x):
    return {"y": np.maximum(x, 0)}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "max(x[i]", "min(x[i]", "What is negative passes, and what is positive is cut off: the wrong way round."
        ),
        Mistake("max(x[i], float32(0))", "x[i]", "The values are copied as they are: negative ones are to become 0."),
        Mistake("max(x[i], float32(0))", "abs(x[i])", "abs turns a negative value round; ReLU makes it 0."),
        Mistake(
            "    i = cuda.grid(1)\n    y[i] = max",
            "    for i in range(x.size):\n        y[i] = max",
            "Several threads write the same place: threadIdx counts within a block, and a loop over all i does in each "
            "thread the work of all. cuda.grid(1) is the one place that a thread is there for.",
        ),
        Mistake(
            "y[i] = max",
            "y = max",
            "No number arrives in y. y = ... gives the name y to a number; y[i] = ... writes into the array.",
        ),
    ],
)
