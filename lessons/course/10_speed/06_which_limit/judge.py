from lessons.judging import Counted, Mistake, Predict

judge = Predict(
    answers={
        "MEMORY": Counted("microseconds", kernel="copy"),
        "COPY": Counted("bound", kernel="copy"),
        "POLYNOMIAL": Counted("bound", kernel="polynomial"),
        "TRANSPOSE": Counted("bound", kernel="transpose"),
    },
    mistakes=[
        Mistake(
            "MEMORY = 2 * 4 * 1024",
            "MEMORY = 4 * 1024",
            "Those are the bytes that are read. As many are written, through the same wires.",
        ),
        Mistake(
            "MEMORY = 2 * 4 * 1024",
            "MEMORY = 2 * 1024",
            "How many bytes has a float32?",
        ),
        Mistake(
            'POLYNOMIAL = "arithmetic"',
            'POLYNOMIAL = "memory"',
            "It moves what the copy moves, but how many floating-point operations does it do to each value meanwhile?",
        ),
        Mistake(
            'TRANSPOSE = "cache and shared memory"',
            'TRANSPOSE = "memory"',
            "All it asks of global memory lies in rows. But how many turns does a warp wait that reads down the tile?",
        ),
    ],
)
