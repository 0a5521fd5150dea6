import numpy as np

from lessons.judging import Detect, Mistake


def case(draw):
    return {"x": draw.whole(0, 255, draw.size(3, 7), draw.size(3, 20), dtype="uint8")}


def expected(x):
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.int64), (3, 3))
    return {"y": ((windows.sum(axis=(2, 3)) + 4) // 9).astype(np.uint8)}


def tests(draw):
    return {"x": draw.whole(0, 85, 7, 20, dtype="uint8")}


judge = Detect(
    case=case,
    expected=expected,
    line="columns = cuda.shared.array(TILE, uint8)",
    fault="overflow",
    tests=tests,
    found="right",
    mistakes=[
        Mistake(
            "LINE = 17", "LINE = 23", "That sum is made in 64 bits, as is the one above it. Where does that one go?"
        ),
        Mistake(
            "LINE = 17",
            "LINE = 20",
            "Here the sum is cut to size, but nothing in this line says to what. Where was the size chosen?",
        ),
        Mistake(
            'KIND = "overflow"',
            'KIND = "lost sum"',
            "Each sum is kept, in a place of its own. How much of it does that place hold?",
        ),
        Mistake('KIND = "overflow"', 'KIND = "missing barrier"', "Those who read the sums wait for those who write."),
        Mistake(
            "cuda.shared.array(TILE, int32)",
            "cuda.shared.array(TILE, uint8)",
            "Bright pixels still come out too dark: three of them add up to more than 255.",
        ),
        Mistake(
            "            columns[i] = x[h_out, left + i] + x[h_out + 1, left + i] + x[h_out + 2, left + i]",
            "            columns[i] = min(255, x[h_out, left + i] + x[h_out + 1, left + i] + x[h_out + 2, left + i])",
            "A sum that is cut off at 255 no longer wraps round, but it is still not the sum.",
        ),
    ],
)
