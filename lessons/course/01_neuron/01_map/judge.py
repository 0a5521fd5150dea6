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
            "i = cuda.grid(1)",
            "i = cuda.threadIdx.x",
            "threadIdx counts within a block, so all blocks write the same values; cuda.grid(1) counts over all.",
        ),
    ],
)
