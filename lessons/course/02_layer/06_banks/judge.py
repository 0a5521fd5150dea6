from lessons.judging import Counted, Mistake, Predict


def turns(kernel):
    return Counted("turns a request", line="y[t] =", kernel=kernel)


judge = Predict(
    answers={
        "COLUMN": turns("column"),
        "PADDED": turns("padded"),
        "BROADCAST": turns("broadcast"),
        "STRIDE_2": turns("stride_2"),
        "STRIDE_3": turns("stride_3"),
        "EIGHT": turns("eight"),
    },
    mistakes=[
        Mistake(
            "COLUMN = 32", "COLUMN = 1", "Each row is 32 words long, so each value of a column is in the same bank."
        ),
        Mistake(
            "EIGHT = 2",
            "EIGHT = 8",
            "The words are in one column, but not in one bank: a row has 8 words here, not 32.",
        ),
        Mistake(
            "BROADCAST = 1",
            "BROADCAST = 32",
            "A bank gives one word a turn, but to all who want that word: conflicts are about different words.",
        ),
        Mistake(
            "STRIDE_3 = 1", "STRIDE_3 = 3", "Words that are 3 apart: go by the bank of each, not by how far they reach."
        ),
    ],
)
