import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    p = draw.size(0, 2)
    k_h, k_w = p + draw.size(1, 3), p + draw.size(1, 2)
    shape = draw.size(1, 2), draw.size(1, 3), k_h + draw.size(0, 4), k_w + draw.size(0, 5)
    return {"x": draw.normal(*shape), "k_h": k_h, "k_w": k_w, "s": draw.size(1, 3), "p": p}


def expected(x, k_h, k_w, s, p):
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (k_h, k_w), axis=(2, 3))
    return {"y": windows[:, :, ::s, ::s].mean(axis=(4, 5))}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "max(left, 0)",
            "left",
            "With padding, the first windows begin at a negative column: there is nothing to be read there.",
        ),
        Mistake(
            "min(top + k_h, H)",
            "top + k_h",
            "The last windows reach below the picture, into zeros that nobody stored: end the loop where it ends.",
        ),
        Mistake(
            "float32(k_h * k_w)",
            "float32((min(top + k_h, H) - max(top, 0)) * (min(left + k_w, W) - max(left, 0)))",
            "At the edge you divide by how many values are there; here the zeros around the picture count, too.",
        ),
        Mistake(
            "top, left = h_out * s - p, w_out * s - p",
            "top, left = h_out * s, w_out * s",
            "The first window begins in the padding, p rows above the picture and p columns to its left.",
        ),
    ],
)
