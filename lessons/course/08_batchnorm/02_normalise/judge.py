import numpy as np

from lessons.judging import Budget, Mistake, Write


def values(draw, R, C, H, W):
    x = draw.uniform(-3, 3, 1, C, 1, 1) + draw.uniform(0.1, 2, 1, C, 1, 1) * draw.normal(R, C, H, W)
    x[:, 0] = 1.5  # a channel that is constant: its variance is 0
    return {
        "x": x,
        "mean": x.mean(axis=(0, 2, 3)),
        "var": x.var(axis=(0, 2, 3)),
        "gamma": draw.normal(C),
        "beta": draw.normal(C),
        "epsilon": draw.choice(0.01, 0.1, 0.5),
    }


def case(draw):
    return values(draw, draw.size(2, 3), draw.size(2, 4), draw.size(1, 4), draw.size(2, 5))


def expected(x, mean, var, gamma, beta, epsilon):
    def of(values):
        return values[:, np.newaxis, np.newaxis]

    return {"y": of(gamma) * (x - of(mean)) / np.sqrt(of(var) + epsilon) + of(beta)}


UNTYPED = "The result is right, but a number has no type: write float32(1), float32(-0.5)."

judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: values(draw, 2, 2, 4, 4), most={"float64": 0}),
    mistakes=[
        Mistake(
            "i // S % C",
            "i % C",
            "Neighbours in memory are pixels of one channel, and not channels of one pixel.",
        ),
        Mistake(
            "math.sqrt(var[c] + epsilon)",
            "(math.sqrt(var[c]) + epsilon)",
            "The epsilon is added to the variance, before the root is taken.",
        ),
        Mistake(
            "math.sqrt(var[c] + epsilon)",
            "(var[c] + epsilon)",
            "Variance 1 comes of dividing by the standard deviation, which is the root of the variance.",
        ),
        Mistake(
            "(float32(1) / math",
            "(1 / math",
            UNTYPED,
        ),
        Mistake("(float32(1) / math.sqrt(var[c] + epsilon))", "(var[c] + epsilon) ** -0.5", UNTYPED),
        Mistake(
            "math.sqrt(var[c] + epsilon)",
            "math.sqrt(var[c])",
            "A channel of equal values has variance 0, and without an epsilon it is divided by that.",
        ),
    ],
)
