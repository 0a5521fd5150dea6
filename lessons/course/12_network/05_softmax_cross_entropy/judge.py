from lessons.judging import Hard, Mistake, Ship

judge = Ship(
    operation="softmax_cross_entropy",
    hard=[
        Hard({"x": (2, 3), "target": (2, 3)}, {"x": [[0, 200, 1], [-90, 0, 90]], "target": [[1, 0, 0], [1, 0, 0]]}),
        Hard({"x": (2, 3), "target": (2, 3)}, {"target": [[0.5, 0, 0], [1, 0.5, 0.5]]}),
    ],
    mistakes=[
        Mistake(
            "p[r, c] * total - target[r, c]",
            "p[r, c] - target[r, c]",
            "That is so where a target adds up to 1, which it need not: the probability counts as often as it does.",
        ),
        Mistake(
            "(math.log(total) - (x[r, c] - largest))",
            "-math.log(p[r, c])",
            "The logarithm of a probability that was rounded to 0 is infinite: take the difference instead.",
        ),
        Mistake(
            "dx[r, c] = dy[r] * (",
            "dx[r, c] = (",
            "The loss of each example counts as much as dy says: multiply by it.",
        ),
        Mistake(
            " * total - target[r, c]",
            " * total",
            "The target is missing: eq. 57 put into eq. 55 leaves the difference of both.",
        ),
        Mistake(
            "loss += target",
            "loss -= target",
            "The cross entropy is minus the logarithm of a probability, which is positive.",
        ),
    ],
)
