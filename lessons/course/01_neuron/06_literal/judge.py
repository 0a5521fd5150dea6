import numpy as np

from lessons.judging import Budget, Detect, Mistake


def case(draw):
    return {"x": draw.normal(draw.size(1, 50))}


def expected(x):
    return {"y": np.where(x > 0, x, 0.01 * x)}


def tests(draw):
    return {"x": draw.normal(32)}


judge = Detect(
    case=case,
    expected=expected,
    line="0.01 * x[i]",
    fault="float64",
    tests=tests,
    found="within budget",
    budget=Budget(case=tests, most={"float64": 0}),
    mistakes=[
        Mistake("LINE = 19", "LINE = 16", "That zero has a type: it is compared as it should be."),
        Mistake('KIND = "float64"', 'KIND = "out of bounds"', "The guard is there: every index is inside its array."),
        Mistake(
            "float32(0.01) * x[i]",
            "0.01 * x[i]",
            "Found. Now repair it: the number itself must be a float32 before it meets x[i]. What is rounded only "
            "afterwards has been made in float64.",
        ),
    ],
)
