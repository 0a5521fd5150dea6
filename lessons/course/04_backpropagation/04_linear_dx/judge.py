from lessons.judging import Budget, Derive, Mistake


def case(draw):
    R, N, M = draw.size(1, 5), draw.size(1, 10), draw.size(1, 7)
    return {"x": draw.normal(R, N), "w": draw.normal(M, N), "b": draw.normal(M)}


def forward(x, w, b):
    return x @ w.T + b


judge = Derive(
    case=case,
    forward=forward,
    wrt=("x",),
    budget=Budget(case=case, most={"float64": 0}),
    mistakes=[
        Mistake(
            "w[j, i]",
            "w[i, j]",
            "w has a row for each output: the weight from input i to output j stands at w[j, i], backward as forward.",
        ),
        Mistake(
            "range(w.shape[0])",
            "range(w.shape[1])",
            "The sum is over the outputs that the input feeds, and w has as many rows as there are outputs.",
        ),
        Mistake(
            "total += dy",
            "total = dy",
            "What comes from one output overwrites what came from those before: an input collects from all of them.",
        ),
        Mistake(
            "dx[r, i] = total",
            "dx[r, i] += total",
            "dx[r, i] += adds to what stood there before, which nobody has set to 0.",
        ),
        Mistake(
            "total = float32(0)",
            "total = 0.0",
            "The result is right, but a bare 0.0 has 64 bits, and so has a sum that begins with it.",
        ),
    ],
)
