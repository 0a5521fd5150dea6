import math

from lessons.judging import Hard, Mistake, Ship

judge = Ship(
    operation="sgd",
    hard=[Hard({"dw": (5,), "rate": (1,), "norm": (1,)}, {"norm": math.inf})],
    mistakes=[
        Mistake(
            "momentum * velocity[i] + dw[i]",
            "dw[i]",
            "That is eq. 12 alone: the velocity keeps a share of what it was.",
        ),
        Mistake(
            "w[i] -= rate[0] * velocity[i]",
            "w[i] += rate[0] * velocity[i]",
            "That is a step up: against the gradient is down.",
        ),
        Mistake(
            " and math.isfinite(norm[0])",
            "",
            "A gradient that is not finite must change nothing: one bad step destroys all weights.",
        ),
    ],
)
