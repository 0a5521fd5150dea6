from lessons.judging import Counted, Mistake, Predict


def adding(quantity, kernel):
    return Counted(quantity, line="# adds", kernel=kernel)


judge = Predict(
    answers={
        "BARRIERS": Counted("barriers", kernel="packed"),
        "SCATTERED_LANES": adding("lanes", "scattered"),
        "SCATTERED_TURNS": adding("turns", "scattered"),
        "PACKED_LANES": adding("lanes", "packed"),
        "PACKED_TURNS": adding("turns", "packed"),
    },
    mistakes=[
        Mistake("BARRIERS = 7", "BARRIERS = 6", "Six levels, and before the first of them one more barrier."),
        Mistake(
            "SCATTERED_LANES = 17.9",
            "SCATTERED_LANES = 32.8",
            "In how many warps is there a thread to add at distance 16? Those whose numbers divide by 32.",
        ),
        Mistake(
            "SCATTERED_TURNS = 33",
            "SCATTERED_TURNS = 18",
            "Both warps have something to do on all levels but the last, and each makes requests of its own.",
        ),
        Mistake(
            "PACKED_LANES = 32.8",
            "PACKED_LANES = 16.4",
            "The second warp has nothing to add on any level: it goes past the line, and its lanes do not count.",
        ),
    ],
)
