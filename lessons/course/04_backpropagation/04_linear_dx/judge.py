from lessons.judging import Derive, Mistake


def case(draw):
    R, N, M = draw.size(1, 5), draw.size(1, 10), draw.size(1, 7)
    return {"x": draw.normal(R, N), "w": draw.normal(M, N), "b": draw.normal(M)}


def forward(x, w, b):
    return x @ w.T + b


judge = Derive(
    case=case,
    forward=forward,
    wrt=("x",),
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
    ],
)
