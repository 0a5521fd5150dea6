from lessons.judging import Counted, Mistake, Predict


def of_x(quantity, kernel):
    return Counted(quantity, array="x", kernel=kernel)


judge = Predict(
    answers={
        "THREAD_REQUESTS": of_x("requests", "thread_per_row"),
        "THREAD_SECTORS": of_x("sectors", "thread_per_row"),
        "WARP_REQUESTS": of_x("requests", "warp_per_row"),
        "WARP_SECTORS": of_x("sectors", "warp_per_row"),
    },
    mistakes=[
        Mistake(
            "THREAD_REQUESTS = 192",
            "THREAD_REQUESTS = 6144",
            "Each of 32 threads reads 192 values, but they read as a warp: 32 lanes make one request.",
        ),
        Mistake(
            "THREAD_SECTORS = 6144",
            "THREAD_SECTORS = 768",
            "That would be so if a request asked for neighbours. Its lanes are a row apart: do any two share a sector?",
        ),
        Mistake(
            "WARP_REQUESTS = 192",
            "WARP_REQUESTS = 96",
            "A row has 64 columns and a warp 32 lanes: it comes through a row in two turns.",
        ),
        Mistake(
            "WARP_SECTORS = 768",
            "WARP_SECTORS = 256",
            "That is x once; each pass asks for all of it anew.",
        ),
    ],
)
