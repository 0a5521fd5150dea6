import numpy as np

from lessons.judging import Budget, Derive, Known, Mistake


def case(draw):
    return {"x": draw.normal(draw.size(1, 50))}


def forward(x):
    return 1 / (1 + np.exp(-x))


def saved(x):
    return {"y": forward(x)}


judge = Derive(
    case=case,
    forward=forward,
    saved=saved,
    wrt=("x",),
    budget=Budget(case=case, most={"float64": 0}),
    answers={"MISPRINT": Known("c", ("a", "b", "c", "d"))},
    mistakes=[
        Mistake(
            'MISPRINT = "c"',
            'MISPRINT = "a"',
            "The sigmoid rises as fast at -x as at x. What does the printed slope give for f = 0.1, and for f = 0.9?",
        ),
        Mistake(
            'MISPRINT = "c"',
            'MISPRINT = "b"',
            "The sigmoid rises as fast at -x as at x. What does that slope give for f = 0.1, and for f = 0.9?",
        ),
        Mistake(
            'MISPRINT = "c"',
            'MISPRINT = "d"',
            "At x = 0 that is 1/16. Between x = -0.1 and x = 0.1 the sigmoid rises by nearly 0.05: how steep is that?",
        ),
        Mistake(
            "dy[i] * y[i] * (float32(1) - y[i])",
            "dy[i] * y[i] * (float32(1) - y[i]) * (float32(1) - y[i])",
            "You have named the misprint, and written the slope with it.",
        ),
        Mistake(
            "(float32(1) - y[i])",
            "(1 - y[i])",
            "The result is right, but a bare 1 has 64 bits, and so has the difference: it is taken in float64.",
        ),
    ],
)
