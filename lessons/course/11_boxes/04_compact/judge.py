import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    x = draw.normal(draw.size(3, 100))
    x[1:3] = 2, 3  # two are kept, at least
    return {"x": x, "threshold": draw.choice(-1.5, 0.0, 0.5), "y": np.full_like(x, -9)}


def expected(x, threshold, y):
    found = x[x > threshold]
    y[: found.size] = found
    return {"y": y, "kept": np.array([found.size], np.int32)}


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
            "Each turn begins at the front again and writes over what the turns before it have kept.",
        ),
        Mistake(
            "        count += cuda.popc(votes)",
            "        if keeps:\n            count += 1",
            "Each lane counts for itself now, and lane 0 knows of its own values only: all lanes must know of all.",
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
    ],
)
