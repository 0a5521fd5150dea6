from lessons.judging import Budget, Mistake, Write


def case(draw):
    return layer(draw, draw.size(1, 6), draw.size(2, 9), draw.size(1, 11))


def layer(draw, examples, inputs, neurons):
    return {"x": draw.normal(examples, inputs), "w": draw.normal(neurons, inputs), "b": draw.normal(neurons)}


def expected(x, w, b):
    return {"y": x @ w.T + b}


judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=lambda draw: layer(draw, 8, 30, 16), most={"requests": 260}),
    mistakes=[
        Mistake(
            "x[r, i] * w[j, i]",
            "x[r, i] * w[i, j]",
            "That is the order of the equation; in memory a neuron has a row of w: its number comes first.",
        ),
        Mistake(
            "x[r, i] * w[j, i]\n",
            "x[r, i] * w[j, i] + b[j]\n",
            "The bias stands before the sum and not in it: it is added once, not once an input.",
        ),
        Mistake(
            "range(x.shape[1])",
            "range(x.shape[0])",
            "That counts the examples. A neuron goes through its inputs: along which axis of x do they lie?",
        ),
        Mistake(
            """        total = b[j]
        for i in range(x.shape[1]):
            total += x[r, i] * w[j, i]
        y[r, j] = total
""",
            """        y[r, j] = b[j]
        for i in range(x.shape[1]):
            y[r, j] += x[r, i] * w[j, i]
""",
            "The sums are right. But every turn reads y[r, j] from memory and writes it back.",
        ),
        Mistake(
            """        total = b[j]
        for i in range(x.shape[1]):
            total += x[r, i] * w[j, i]
        y[r, j] = total
""",
            """        for i in range(x.shape[1]):
            y[r, j] += x[r, i] * w[j, i]
        y[r, j] += b[j]
""",
            "No sum arrives in y. An output is not zero at the start, so y[r, j] += ... adds to whatever stands there: "
            "add up in a variable, and write it once with y[r, j] = ...",
        ),
    ],
)
