from lessons.judging import Hard, Mistake, Ship

judge = Ship(
    operation="activation",
    only={"function": "relu"},
    hard=[Hard({"x": (4,), "function": "relu"}, {"x": [-1, 0, 0, 1]})],
    mistakes=[
        Mistake("x[i] >= float32(0) else", "x[i] > float32(0) else", "At 0 the slope is to be 1, as the page says."),
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
