from lessons.judging import Counted, Known, Mistake, Predict

judge = Predict(
    answers={
        "SMALL_BLOCKS": Counted("blocks", function="small"),
        "SMALL_LIMIT": Counted("limit", function="small"),
        "WIDE_BLOCKS": Counted("blocks", function="wide"),
        "WIDE_LIMIT": Counted("limit", function="wide"),
        "DEEP_BLOCKS": Counted("blocks", function="deep"),
        "DEEP_LIMIT": Counted("limit", function="deep"),
        "HEAVY_BLOCKS": Known(1),
    },
    mistakes=[
        Mistake(
            "SMALL_BLOCKS = 32", "SMALL_BLOCKS = 64", "There would be threads for so many. Blocks have a limit, too."
        ),
        Mistake(
            "WIDE_BLOCKS = 2", "WIDE_BLOCKS = 3", "Two thirds of a block have no room: it is held whole or not at all."
        ),
        Mistake(
            "DEEP_BLOCKS = 8",
            "DEEP_BLOCKS = 9",
            "So many would fit if a block took what it declares and no more. What does CUDA keep of each?",
        ),
        Mistake(
            "HEAVY_BLOCKS = 1",
            "HEAVY_BLOCKS = 2",
            "Threads would allow two, but two blocks would want more registers than there are.",
        ),
        Mistake("WIDE_BLOCKS = 2", "WIDE_BLOCKS = 2.67", "Blocks are whole: how many whole ones?"),
        Mistake("WIDE_BLOCKS = 2", "WIDE_BLOCKS = 2048 / 768", "Blocks are whole: how many whole ones?"),
    ],
)
