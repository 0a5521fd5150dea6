from lessons.judging import Budget, Mistake, Write


def case(draw):
    R, N = draw.size(1, 20), draw.size(1, 9)
    return {"prediction": draw.normal(R, N), "target": draw.normal(R, N)}


def expected(prediction, target):
    return {"y": ((prediction - target) ** 2).mean(axis=1)}


judge = Write(
    case=case,
    expected=expected,
    budget=Budget(case=case, most={"float64": 0}),
    mistakes=[
        Mistake(
            "total / float32(prediction.shape[1])",
            "total",
            "That is the sum of the squared errors; the mean does not grow with the number of features.",
        ),
        Mistake(
            "total += error * error",
            "total += error",
            "Errors to either side cancel each other out: each is squared before it is added.",
        ),
        Mistake(
            "y[r] = total",
            "y[r] += total",
            "y[r] += adds to what stood there before, which nobody has set to 0. The sum is in total already.",
        ),
        Mistake(
            "total / float32(prediction.shape[1])",
            "total / prediction.shape[1]",
            "The result is right, but the division is one in float64: a shape is a whole number of 64 bits, and no "
            "float32 holds all of these.",
        ),
        Mistake(
            "total / float32(prediction.shape[1])",
            "total / float32(prediction.size)",
            "The mean is over the row: N terms. The mean over the examples is taken later.",
        ),
    ],
)
