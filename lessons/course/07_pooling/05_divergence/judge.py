from lessons.judging import Counted, Mistake, Predict


def lanes(kernel):
    return Counted("lanes", line="# here", kernel=kernel)


judge = Predict(
    answers={
        "ODD": lanes("odd"),
        "WARPS": lanes("warps"),
        "LAST": lanes("last"),
        "BORDER": lanes("border"),
        "GROWING": lanes("growing"),
    },
    mistakes=[
        Mistake("ODD = 50", "ODD = 100", "The even lanes cannot go elsewhere meanwhile: they wait for the odd ones."),
        Mistake("WARPS = 100", "WARPS = 50", "Which of the two warps executes that line at all?"),
        Mistake("BORDER = 96.25", "BORDER = 87.5", "4 lanes of 32 have fewer turns, but they do not wait on all 5."),
        Mistake("GROWING = 51.56", "GROWING = 50", "Nearly. The first lane has one turn, and not none."),
    ],
)
