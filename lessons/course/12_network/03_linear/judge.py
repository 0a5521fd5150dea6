from lessons.judging import Mistake, Ship

judge = Ship(
    operation="linear",
    always=("b",),
    mistakes=[
        Mistake("total += x[r, i] * w[j, i]", "total += x[r, i] * w[i, j]", "Row j of w belongs to output j: w[j, i]."),
        Mistake(
            "total += dy[r, j] * w[j, i]",
            "total = dy[r, j] * w[j, i]",
            "An input went into all outputs: their delta-errors add up.",
        ),
        Mistake("total += dy[r, j] * x[r, i]", "total += dy[j, r] * x[r, i]", "Examples are the rows of dy: dy[r, j]."),
    ],
)
