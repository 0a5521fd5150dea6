import numpy as np

from lessons.judging import Derive, Mistake

AXES = 0, 2, 3


def case(draw):
    R, C, H, W = draw.size(1, 3), draw.size(1, 3), draw.size(1, 4), draw.size(2, 5)
    x = draw.uniform(-3, 3, 1, C, 1, 1) + draw.uniform(0.5, 2, 1, C, 1, 1) * draw.normal(R, C, H, W)
    return {"x": x, "gamma": draw.normal(C), "beta": draw.normal(C), "epsilon": draw.choice(0.1, 0.5)}


def of(values):
    return values[:, np.newaxis, np.newaxis]


def forward(x, gamma, beta, epsilon):
    left = saved(x, epsilon=epsilon)
    return of(gamma) * (x - of(left["mean"])) * of(left["inverse_std"]) + of(beta)


def saved(x, epsilon, **_):
    return {"mean": x.mean(axis=AXES), "inverse_std": (x.var(axis=AXES) + epsilon) ** -0.5}


judge = Derive(
    case=case,
    forward=forward,
    saved=saved,
    wrt=("gamma", "beta"),
    mistakes=[
        Mistake(
            "* inverse_std[c]",
            "* float32(1)",
            "gamma scales what has been shifted and scaled: the distance from the mean is only the first of these.",
        ),
        Mistake(
            "x_hat = (x[r, c, s] - mean[c]) * inverse_std[c]",
            "x_hat = x[r, c, s]",
            "What gamma is multiplied with is not x, but x after it has been normalized.",
        ),
        Mistake(
            "dbeta[c] = sum_dy\n        dgamma[c] = sum_dy_x_hat\n",
            "dbeta[c] = sum_dy / float32(count)\n        dgamma[c] = sum_dy_x_hat / float32(count)\n",
            "Each output of the channel is owed its whole share: a gradient is the sum over all of them, and no mean.",
        ),
        Mistake(
            "    sum_dy_x_hat = block_sum(sum_dy_x_hat, shared)\n",
            "",
            "What thread 0 writes is the sum over its own values: the other threads of the block have sums, too.",
        ),
    ],
)
