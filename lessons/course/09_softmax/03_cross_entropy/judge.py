import numpy as np

from lessons.judging import Derive, Known, Mistake


def case(draw):
    R, C = draw.size(1, 6), draw.size(2, 7)
    return {"x": 2 * draw.normal(R, C), "target": draw.choice(draw.one_hot, draw.probabilities)(R, C)}


def probabilities(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def forward(x, target):
    return -(target * np.log(probabilities(x))).sum(axis=1)


def saved(x, target):
    return {"p": probabilities(x)}


judge = Derive(
    case=case,
    forward=forward,
    wrt=("x",),
    saved=saved,
    answers={"MISPRINT": Known("b", ("a", "b", "c"))},
    mistakes=[
        Mistake(
            'MISPRINT = "b"',
            'MISPRINT = "a"',
            "Scores are not in it, and rightly: the slope of an exponential is that exponential, so all is said in "
            "probabilities.",
        ),
        Mistake(
            'MISPRINT = "b"',
            'MISPRINT = "c"',
            "Then a score would learn from the delta-error of its own class only. Does it not move the probabilities "
            "of all others, too?",
        ),
        Mistake(
            "dy[r] * (p[r, c] - target[r, c])",
            "dy[r] * (target[r, c] - p[r, c])",
            "The sign is turned round: a step against this derivative would make the true class less likely.",
        ),
        Mistake(
            "dy[r] * (p[r, c] - target[r, c])",
            "p[r, c] - target[r, c]",
            "That is the derivative of the loss of the row; the chain rule multiplies it with dy of the row.",
        ),
        Mistake(
            "dy[r] * (p[r, c] - target[r, c])",
            "dy[r] * target[r, c] * (p[r, c] - 1)",
            "Scores of other classes move the true one's probability, too.",
        ),
    ],
)
