import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    x = draw.normal(draw.size(3, 100))
    threshold = draw.choice(-1.5, 0.0, 0.5)
    x[draw.uniform(0, 1, x.size) < 0.2] = threshold  # to the last bit
    x[:3] = threshold, 2, 3  # two are kept, at least
    return {"x": x, "threshold": threshold, "y": np.full_like(x, -9)}


def expected(x, threshold, y):
    found = x[x > threshold]
    y[: found.size] = found
    return {"y": y, "kept": np.array([found.size], np.int32)}


TOGETHER = (
    "Two values come to one place. It is behind all that the turns before this one have kept, of which every lane must "
    "know, and behind all that lanes before this one keep now."
)

judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "(1 << lane) - 1",
            "(2 << lane) - 1",
            "The lane counts its own vote, too, so everything stands one place further on: it needs those before it.",
        ),
        Mistake(
            "y[count + cuda.popc(",
            "y[cuda.popc(",
            TOGETHER,
        ),
        Mistake(
            "        count += cuda.popc(votes)",
            "            count += cuda.popc(votes)",
            TOGETHER,
        ),
        Mistake(
            """        votes = cuda.ballot_sync(ALL_LANES, keeps)
        if keeps:
            y[""",
            """        votes = 0
        if keeps:
            votes = cuda.ballot_sync(ALL_LANES, keeps)
            y[""",
            "Only lanes that keep their value come to the vote, but it waits for all 32: let all vote, then decide.",
        ),
        Mistake("x[i] > threshold", "x[i] >= threshold", "Above the threshold: what is equal to it is not kept."),
    ],
)
