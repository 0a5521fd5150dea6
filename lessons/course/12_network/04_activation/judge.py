from lessons.judging import Mistake, Ship

judge = Ship(
    operation="activation",
    only={"function": "relu"},
    mistakes=[
        Mistake(
            "    if i < x.size:\n        y[i] = max",
            "    if i <= x.size:\n        y[i] = max",
            "The last value is x[x.size - 1].",
        ),
        Mistake(
            "dy[i] if x[i] >= float32(0) else",
            "x[i] if x[i] >= float32(0) else",
            "What is passed on is the delta-error, dy.",
        ),
    ],
)
