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
            "PACKED_LANES = 32.8",
            "PACKED_LANES = 16",
            "The second warp has nothing to add on any level: it goes past the line, and its lanes do not count.",
        ),
        Mistake(
            "SCATTERED_LANES = 17.9",
            "SCATTERED_LANES = 16",
            "A warp for which the if holds nowhere spends nothing: leave it out of the count.",
        ),
        Mistake("SCATTERED_LANES = 17.9", "SCATTERED_LANES = 0.18", "That is a fraction; percent are asked for."),
        Mistake("SCATTERED_TURNS = 33", "SCATTERED_TURNS = 36", "In the last level only one warp adds."),
        Mistake(
            "SCATTERED_TURNS = 33",
            "SCATTERED_TURNS = 18",
            "Both warps have something to do on all levels but the last, and each makes requests of its own.",
        ),
    ],
)
