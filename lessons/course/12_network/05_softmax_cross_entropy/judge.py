from lessons.judging import Mistake, Ship

judge = Ship(
    operation="softmax_cross_entropy",
    mistakes=[
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
