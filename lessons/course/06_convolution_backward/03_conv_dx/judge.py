import numpy as np

from lessons.judging import Derive, Mistake


def case(draw):
    R, C, C_out = draw.size(1, 2), draw.size(1, 3), draw.size(1, 2)
    kernel = draw.size(1, 3), draw.size(1, 2)
    size = [k + more for k, more in zip(kernel, (draw.size(0, 2), draw.size(0, 3)), strict=True)]
    return {"x": draw.normal(R, C, *size), "w": draw.normal(C_out, C, *kernel)}


def forward(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.tensordot(windows, w, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)


judge = Derive(
    case=case,
    forward=forward,
    wrt=("x",),
    mistakes=[
        Mistake(
            "h_out, w_out = row - j, column - i",
            "h_out, w_out = row + j, column + i",
            "An output looks at pixels below it and right of it. Where are the outputs that look at a given pixel?",
        ),
        Mistake(
            "if 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]:",
            "if h_out < dy.shape[2] and w_out < dy.shape[3]:",
            "No window begins above the image or left of it, so there are no such outputs to collect from.",
        ),
        Mistake(
            "if 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]:",
            "if 0 <= h_out and 0 <= w_out:",
            "The last rows and columns of pixels are no corners of a window: dy is smaller than dx.",
        ),
        Mistake(
            "* w[c_out, c, j, i]",
            "* w[c_out, c, w.shape[2] - 1 - j, w.shape[3] - 1 - i]",
            "The kernel is turned twice: to walk from (row, column) to (row - j, column - i) turns it already.",
        ),
        Mistake(
            "* w[c_out, c, j, i]",
            "* w[c, c_out, j, i]",
            "The axes of w are (C', C, kh, kw), backward as forward: first the channel of the output.",
        ),
        Mistake(
            "in range(dy.shape[1])",
            "in range(1)",
            "The pixel went into every output channel, and collects from all of them.",
        ),
    ],
)
