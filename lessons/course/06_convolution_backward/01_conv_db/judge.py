import numpy as np

from lessons.judging import Derive, Mistake


def case(draw):
    R, C, C_out = draw.size(1, 3), draw.size(1, 2), draw.size(1, 10)
    kernel = draw.size(1, 2), draw.size(1, 3)
    size = [k + draw.size(0, 3) for k in kernel]
    return {"x": draw.normal(R, C, *size), "w": draw.normal(C_out, C, *kernel), "b": draw.normal(C_out)}


def forward(x, w, b):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.tensordot(windows, w, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2) + b[:, np.newaxis, np.newaxis]


judge = Derive(
    case=case,
    forward=forward,
    wrt=("b",),
    mistakes=[
        Mistake(
            "db[c_out] = total",
            "db[c_out] = total / float32(dy.shape[0] * dy.shape[2] * dy.shape[3])",
            "That is a mean. If a bias grows by 1, so do all outputs of its channel, and their delta-errors add up.",
        ),
        Mistake(
            "db[c_out] = total",
            "db[c_out] = total / float32(dy.shape[0])",
            "A mean over the examples is the business of the loss, which has put it into dy already.",
        ),
        Mistake(
            "dy[r, c_out, h_out, w_out]",
            "dy[0, c_out, h_out, w_out]",
            "All examples share the bias, and each of them has a delta-error of its own.",
        ),
        Mistake(
            "                    total += dy[r, c_out, h_out, w_out]\n",
            "                    total = dy[r, c_out, h_out, w_out]\n",
            "Only the last place of the last example is left: what each of them adds is to be added.",
        ),
        Mistake(
            "db[c_out] = total",
            "db[c_out] += total",
            "db[c_out] += adds to what stood there before, which nobody has set to 0.",
        ),
        Mistake(
            "dy[r, c_out, h_out, w_out]",
            "dy[c_out, r, h_out, w_out]",
            "The axes of dy are (R, C', H', W'), in this order: which of your indices counts examples, which channels?",
        ),
    ],
)
