from lessons.judging import Budget, Detect, Mistake


def case(draw):
    rows, columns = draw.choice((1, 1), (1, 2), (2, 1))
    return matrices(draw, rows, draw.size(2, 3), columns)


def matrices(draw, rows, steps, columns):
    """All sizes in tiles of 8."""
    return {"x": draw.normal(8 * rows, 8 * steps), "w": draw.normal(8 * steps, 8 * columns)}


def expected(x, w):
    return {"z": x @ w}


BARRIER = "        cuda.syncthreads()  # nobody reads these tiles any more: the next turn may write over them\n"

judge = Detect(
    case=case,
    expected=expected,
    line="total += x_tile[ty, k] * w_tile[k, tx]",
    fault="missing barrier",
    tests=lambda draw: matrices(draw, 2, 1, 2),
    found="DataRace",
    budget=Budget(case=lambda draw: matrices(draw, 1, 3, 2), most={"barriers": 6}),
    mistakes=[
        Mistake(
            "LINE = 25", "LINE = 24", "The loop begins there, and something is missing behind it: name its last line."
        ),
        Mistake(
            'KIND = "missing barrier"',
            'KIND = "race"',
            "Each element of a tile is written by one thread only: it is a reader whom the writer does not wait for.",
        ),
        Mistake(
            BARRIER,
            "",
            "Found. Now repair it: before a thread writes into the tiles again, all others must have read them.",
        ),
        Mistake(
            BARRIER,
            BARRIER.replace("syncthreads", "syncwarp"),
            "A warp that is ahead writes over what the other still reads: syncwarp waits for 32 threads, and a block "
            "has 64 here.",
        ),
        Mistake(
            BARRIER,
            "    " + BARRIER,
            "The results are right. But who is still within the inner loop writes nothing that others would wait for.",
        ),
    ],
)
