from lessons.judging import Budget, Climb, Mistake


def case(draw):
    return {"x": draw.normal(draw.size(1, 40), draw.size(1, 40))}


def expected(x):
    return {"y": x.T}


judge = Climb(
    function="forward",
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: {"x": draw.normal(64, 128)}, most={"sectors": 2048, "turns": 512}),
    mistakes=[
        Mistake("(TILE, PADDED)", "(TILE, TILE)", "A column of the tile lies in one bank, so 32 lanes wait in turn."),
    ],
)
