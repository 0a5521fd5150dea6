import numpy as np

from lessons.judging import Derive, Known, Mistake


def case(draw):
    N = draw.size(2, 20)
    target = draw.one_hot(N, 2)[:, 1]
    target[:2] = 0, 1
    return {"x": draw.normal(N), "target": target, "alpha": 3.0, "gamma": draw.choice(0.0, 1.0, 2.0, 2.5)}


def forward(x, target, alpha, gamma):
    p = 1 / (1 + np.exp(-x))
    q = np.where(target == 1, p, 1 - p)
    return -np.where(target == 1, alpha, 1) * (1 - q) ** gamma * np.log(q)


def saved(x, target, alpha, gamma):
    return {"p": 1 / (1 + np.exp(-x))}


judge = Derive(
    case=case,
    forward=forward,
    wrt=("x",),
    saved=saved,
    answers={"MISPRINT": Known("a", ("a", "b", "c"))},
    mistakes=[
        Mistake(
            'MISPRINT = "a"',
            'MISPRINT = "b"',
            "Then a face would cost nothing still, as the power of 1 - p is 0 for a label of 1.",
        ),
        Mistake(
            'MISPRINT = "a"',
            'MISPRINT = "c"',
            "The probability would not occur at all then, and the loss would not depend on what the network says.",
        ),
        Mistake(
            "float32(1), float32(-1)",
            "float32(1), float32(1)",
            "For background the probability of what is true falls where the score grows: the sign turns round.",
        ),
        Mistake(
            "float32(1) - p[i], float32(1), float32(-1)",
            "float32(1) - p[i], alpha, float32(-1)",
            "alpha is the weight of a face; background has a weight of 1.",
        ),
        Mistake(
            "(gamma * q * math.log(q) - missing)",
            "-missing",
            "The power in front of the logarithm changes with the score, too: the product rule has two terms.",
        ),
        Mistake(
            "missing**gamma * (gamma * q * math.log(q) - missing)",
            "(gamma * missing ** (gamma - float32(1)) * math.log(q) - missing**gamma / q)",
            "That is the derivative by q: the sigmoid's slope q (1 - q) is missing.",
        ),
    ],
)
