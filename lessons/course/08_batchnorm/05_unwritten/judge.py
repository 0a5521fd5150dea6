from lessons.judging import Detect, Mistake


def case(draw):
    return {"x": draw.normal(draw.size(1, 16), draw.size(1, 4))}


def expected(x):
    return {"mean": x.mean(axis=0)}


def tests(draw):
    return {"x": draw.normal(16, draw.size(1, 9))}


judge = Detect(
    case=case,
    expected=expected,
    line="+= shared[t + step]",
    fault="unwritten memory",
    tests=tests,
    found="Uninitialised",
    mistakes=[
        Mistake(
            'KIND = "unwritten memory"',
            'KIND = "missing barrier"',
            "A barrier waits for what others are about to write: who is about to write what is missing here?",
        ),
        Mistake(
            "LINE = 23",
            "LINE = 17",
            "That is the end where too little is done. LINE is asked for the other one, where it does harm.",
        ),
        Mistake(
            """\
    shared[t] = x[t, c] if t < R else float32(0)
    cuda.syncthreads()  # the values are there
    step = BLOCK // 2
""",
            """\
    if t < R:
        shared[t] = x[t, c]
    cuda.syncthreads()  # the values are there
    step = R // 2
""",
            "What nobody wrote is not read any more; but where R is odd, or becomes so on the way, a half forgets one.",
        ),
        Mistake(
            "mean[c] = shared[0] / float32(R)",
            "mean[c] = shared[0] / float32(BLOCK)",
            "The zeros fill up the tree, and are no examples: there are R of these.",
        ),
    ],
)
