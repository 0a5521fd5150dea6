import numpy as np

from lessons.judging import Derive, Known, Mistake


def case(draw):
    R, C, C_out = draw.size(1, 2), draw.size(1, 2), draw.size(1, 3)
    kernel, places = (draw.size(1, 2), draw.size(1, 3)), (draw.size(1, 3), draw.size(1, 3))
    stride, padding = (draw.size(1, 3), draw.size(1, 2)), (draw.size(0, 1), draw.size(0, 1))
    sides = zip(kernel, places, stride, padding, strict=True)
    size = [max(1, k + s * (p - 1) - 2 * pad) + draw.size(0, 1) for k, p, s, pad in sides]
    return {
        "x": draw.normal(R, C, *size),
        "w": draw.normal(C_out, C, *kernel),
        "stride": stride,
        "padding": padding,
    }


def forward(x, w, stride, padding):
    (sh, sw), (ph, pw) = stride, padding
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))[:, :, ::sh, ::sw]
    return np.tensordot(windows, w, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)


PLACE = """row = h_out * stride_h + j - pad_h
                    column = w_out * stride_w + i - pad_w
"""

judge = Derive(
    case=case,
    forward=forward,
    wrt=("w",),
    answers={"MISPRINT": Known("c'", ("r", "c'", "h'", "w'"))},
    mistakes=[
        Mistake(
            'MISPRINT = "c\'"',
            'MISPRINT = "r"',
            "All examples are weighed with the same weight, so what it did to each of them counts.",
        ),
        Mistake(
            'MISPRINT = "c\'"',
            'MISPRINT = "h\'"',
            "The weight meets a pixel in every row of the output: what it did in each of them counts.",
        ),
        Mistake(
            "total += x[r, c, row, column] * dy[r, c_out, h_out, w_out]\n",
            """for d in range(dy.shape[1]):
                            total += x[r, c, row, column] * dy[r, d, h_out, w_out]
""",
            "That is the misprint: each weight hears of the errors of all channels, so all kernels learn the same.",
        ),
        Mistake(
            PLACE,
            PLACE.replace(" * stride_h", "").replace(" * stride_w", ""),
            "The window of output (h', w') begins at (s h', s w') of the padded image, backward as forward.",
        ),
        Mistake(
            PLACE,
            PLACE.replace(" - pad_h", "").replace(" - pad_w", ""),
            "The window of an output stands in the padded image, backward as forward. Which row of x is its row 0?",
        ),
        Mistake(
            "if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:",
            "if row < x.shape[2] and column < x.shape[3]:",
            "Some places lie above the image, or left of it: there the weight met the padding, and did nothing.",
        ),
    ],
)
