from lessons.judging import Hard, Mistake, Ship

judge = Ship(
    operation="reduce",
    hard=[Hard({"x": (3,), "how": "norm"}, {"x": 0})],
    mistakes=[
        Mistake(
            "dy[0] / y[0] * x[i] if y[0] > float32(0) else float32(0)",
            "dy[0] / y[0] * x[i]",
            "Where all values are 0 so is the norm, and nothing can be divided by it: 0 stands for its slope there.",
        ),
        Mistake(
            "for i in range(t, x.size, BLOCK)",
            "for i in range(t, BLOCK)",
            "There are more values than threads: each thread takes every BLOCK-th.",
        ),
        Mistake(
            "        cuda.syncthreads()  # the level above is complete\n",
            "",
            "A thread reads what another adds up in the same step: a barrier is missing.",
        ),
        Mistake("else sums[0] * scale", "else sums[0]", "A mean is the sum times scale."),
    ],
)
