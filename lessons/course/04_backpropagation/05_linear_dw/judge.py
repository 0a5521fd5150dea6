from lessons.judging import Derive, Mistake


def case(draw):
    R, N, M = draw.size(1, 6), draw.size(1, 10), draw.size(1, 7)
    return {"x": draw.normal(R, N), "w": draw.normal(M, N), "b": draw.normal(M)}


def forward(x, w, b):
    return x @ w.T + b


judge = Derive(
    case=case,
    forward=forward,
    wrt=("w",),
    mistakes=[
        Mistake(
            "dw[j, i] = total",
            "dw[j, i] = total / float32(x.shape[0])",
            "That is the mean over the examples. If the loss is a mean, its 1 / R stands in dy already, and this "
            "divides once more.",
        ),
        Mistake(
            "i, j = cuda.grid(2)",
            "j, i = cuda.grid(2)",
            "The launch has its x along the rows of dw: the first number of cuda.grid(2) is the column, i.",
        ),
        Mistake(
            "        total = float32(0)\n"
            "        for r in range(x.shape[0]):\n"
            "            total += dy[r, j] * x[r, i]\n"
            "        dw[j, i] = total",
            "        for r in range(x.shape[0]):\n            dw[j, i] = dy[r, j] * x[r, i]",
            "Each example overwrites what those before it gave: a weight serves all examples, and collects from all.",
        ),
        Mistake(
            "    if j < dw.shape[0] and i < dw.shape[1]:",
            "    if j < dw.shape[0] or i < dw.shape[1]:",
            "A thread has a weight if its row is one of dw's and its column is, too; there are more threads than that.",
        ),
    ],
)
