import numpy as np

from lessons.judging import Detect, Mistake


def case(draw):
    return {"x": draw.normal(draw.size(1, 3), draw.size(1, 30)), "w": draw.normal(3)}


def expected(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1))), 3, axis=1)
    return {"y": windows @ w}


def tests(draw):
    return {"x": draw.normal(2, draw.choice(16, 32, 64)), "w": draw.normal(3)}


judge = Detect(
    case=case,
    expected=expected,
    line="        return",
    fault="divergent barrier",
    tests=tests,
    found="BarrierDivergence",
    mistakes=[
        Mistake("LINE = 19", "LINE = 18", "Nearly: the question is a fair one. What is done where the answer is yes?"),
        Mistake("LINE = 19", "LINE = 25", "The barrier stands where it must. Does everybody come to it?"),
        Mistake(
            "LINE = 19",
            "LINE = 26",
            "That happens too: the last pixel reads a place nobody has written. But why has nobody?",
        ),
        Mistake(
            'KIND = "divergent barrier"',
            'KIND = "unwritten memory"',
            "That happens too: the last pixel reads a place nobody has written. But why has nobody?",
        ),
        Mistake(
            "    cuda.syncthreads()  # the neighbours' pixels are there\n    if inside:\n",
            "    if inside:\n        cuda.syncthreads()\n",
            "Threads outside of the image still never come to the barrier: it has to stand where all of a block pass.",
        ),
        Mistake(
            "    tile[t + 1] = x[row, column] if inside else float32(0)\n",
            "    if inside:\n        tile[t + 1] = x[row, column]\n",
            "The last pixel of a row has a neighbour in the tile that nobody writes: what lies outside counts as 0.",
        ),
    ],
)
