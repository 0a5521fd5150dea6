import numpy as np

from lessons.judging import Derive, Known, Mistake

AXES = 0, 2, 3


def case(draw):
    R, C, H, W = draw.size(1, 3), draw.size(1, 2), draw.size(1, 3), draw.size(3, 5)
    # Spread by 2 or more, so that powers of the variance differ; epsilon keeps what is left of dy from vanishing.
    x = draw.uniform(-3, 3, 1, C, 1, 1) + draw.uniform(2, 3, 1, C, 1, 1) * draw.normal(R, C, H, W)
    return {"x": x, "gamma": draw.uniform(1, 2, C), "epsilon": draw.choice(0.1, 0.5)}


def of(values):
    return values[:, np.newaxis, np.newaxis]


def forward(x, gamma, epsilon):
    left = saved(x, epsilon=epsilon)
    return of(gamma) * (x - of(left["mean"])) * of(left["inverse_std"])


def saved(x, epsilon, **_):
    return {"mean": x.mean(axis=AXES), "inverse_std": (x.var(axis=AXES) + epsilon) ** -0.5}


judge = Derive(
    case=case,
    forward=forward,
    saved=saved,
    wrt=("x",),
    answers={"MISPRINT": Known("c", ("a", "b", "c", "d"))},
    mistakes=[
        Mistake(
            'MISPRINT = "c"',
            'MISPRINT = "a"',
            "Every output was divided by the standard deviation once, and so is every delta-error: that is right.",
        ),
        Mistake(
            'MISPRINT = "c"',
            'MISPRINT = "d"',
            "But for a factor, this sum is dgamma: each dy comes with its distance from the mean, and that is right.",
        ),
        Mistake(
            "sum_dy_x_hat += dy[r, c, s] * (x[r, c, s] - mean[c]) * inverse_std[c]",
            "sum_dy_x_hat += dy[r, c, s] * (x[r, c, s] - mean[c])",
            "The two distances from the mean are metres twice, and here they are divided by metres once.",
        ),
        Mistake(
            "- x_hat * sum_dy_x_hat",
            "- x_hat * inverse_std[c] * sum_dy_x_hat",
            "That is the equation as it is printed: the standard deviation before the bracket is divided by once more "
            "inside it.",
        ),
        Mistake(
            " - sum_dy - x_hat * sum_dy_x_hat",
            " - sum_dy",
            "The mean moves with every value, and that is in it; but the variance moves, too.",
        ),
        Mistake(
            " - sum_dy - x_hat * sum_dy_x_hat",
            "",
            "That would be right if mean and variance were fixed numbers, as they are in a network that is in use.",
        ),
    ],
)
