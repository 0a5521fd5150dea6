from lessons.judging import Mistake, Ship

judge = Ship(
    operation="maxpool2d",
    mistakes=[
        Mistake("> best", ">= best", "Of equal values the first wins: the last one must be larger, not as large."),
        Mistake("total += dy", "total = dy", "A value may win several windows: their delta-errors add up."),
        Mistake(
            "where = h * W + w\n",
            "where = j * window_w + i\n",
            "The place is one in the plane of x, not in the window.",
        ),
    ],
)
