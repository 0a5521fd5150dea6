import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    kernel = draw.size(1, 4), draw.size(1, 3)
    places = draw.size(1, 5), draw.size(1, 6)
    return {"x": draw.normal(*(k + p - 1 for k, p in zip(kernel, places, strict=True))), "w": draw.normal(*kernel)}


def expected(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return {"y": np.einsum("hwji,ji->hw", windows, w)}


RUNS = "j walks down the rows, i along the columns, each as far as the kernel reaches that way: its sides may differ."

judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "* w[j, i]",
            "* w[w.shape[0] - 1 - j, w.shape[1] - 1 - i]",
            "The weights are turned by 180 degrees: that is the convolution of mathematics. Networks do not turn them.",
        ),
        Mistake(
            "x[h_out + j, w_out + i]",
            "x[h_out + j - w.shape[0] // 2, w_out + i - w.shape[1] // 2]",
            "The window is centred on (h_out, w_out). Here that place is its upper left corner.",
        ),
        Mistake(
            "total += x", "total = x", "Only the last product of the window is left: the others are to be added to it."
        ),
        Mistake(
            "in range(w.shape[1])",
            "in range(w.shape[0])",
            RUNS,
        ),
        Mistake("x[h_out + j, w_out + i]", "x[h_out + i, w_out + j]", RUNS),
    ],
)
