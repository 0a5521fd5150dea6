import numpy as np

from lessons.judging import Detect, Mistake


def case(draw):
    return rows(draw, draw.size(1, 3), draw.size(1, 31))


def rows(draw, R, C):
    return {"p": draw.probabilities(R, C), "target": draw.probabilities(R, C)}


def expected(p, target):
    return {"y": -(target * np.log(p)).sum(axis=1)}


judge = Detect(
    case=case,
    expected=expected,
    line="shfl_down_sync",
    fault="wrong mask",
    tests=lambda draw: rows(draw, 4, 32),
    found="BarrierDivergence",
    mistakes=[
        Mistake(
            "LINE = 22",
            "LINE = 18",
            "The guard is right for the lines that read: there is no such class. Which line below it needs those whom "
            "it sends away?",
        ),
        Mistake(
            'KIND = "wrong mask"',
            'KIND = "divergent barrier"',
            "Nearly: somebody waits in vain. But no thread waits for its block here; it is the lanes of one warp that "
            "are called, by name.",
        ),
        Mistake(
            "    if c < p.shape[1]:",
            "    if c < WARP:",
            "All lanes come to the shuffle now, but those beyond the last class read what does not exist: they are to "
            "bring a zero.",
        ),
        Mistake(
            "cuda.shfl_down_sync(ALL_LANES, loss, distance)",
            "cuda.shfl_down_sync((1 << p.shape[1]) - 1, loss, distance)",
            "The lanes that come to a call and the lanes that its mask names must be the same: it waits for all that "
            "it names, and serves no others.",
        ),
    ],
)
