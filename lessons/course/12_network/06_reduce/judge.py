from lessons.judging import Mistake, Ship

judge = Ship(
    operation="reduce",
    mistakes=[
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
