from lessons.judging import Counted, Mistake, Predict


def sectors(kernel):
    return Counted("sectors a request", array="x", kernel=kernel)


judge = Predict(
    answers={
        "ALIGNED": sectors("aligned"),
        "SHIFTED": sectors("shifted"),
        "STRIDED": sectors("strided"),
        "COLUMN": sectors("column"),
        "BROADCAST": sectors("broadcast"),
    },
    mistakes=[
        Mistake("ALIGNED = 4", "ALIGNED = 32", "32 lanes ask, but 8 float32 lie in a sector of 32 bytes."),
        Mistake("ALIGNED = 4", "ALIGNED = 1", "One request is not one sector: 32 float32 are more than 32 bytes."),
        Mistake("ALIGNED = 4", "ALIGNED = 128", "These are bytes. A sector holds 32 of them."),
        Mistake("SHIFTED = 5", "SHIFTED = 4", "128 bytes that begin 4 bytes into a sector: where do the last 4 lie?"),
        Mistake("STRIDED = 8", "STRIDED = 4", "Half of each sector is skipped, but it is fetched all the same."),
    ],
)
