import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    kernel = draw.size(1, 3), draw.size(1, 2)
    places = draw.size(1, 3), draw.size(1, 3)
    stride = draw.size(1, 2), draw.size(1, 3)
    padding = draw.size(0, 1), draw.size(0, 2)
    C = draw.size(1, 3)
    rest = zip(kernel, places, stride, padding, strict=True)
    size = [max(1, k + s * (p - 1) - 2 * pad) + draw.size(0, 1) for k, p, s, pad in rest]
    C_out = draw.size(1, 2)
    return {
        "x": draw.normal(draw.size(1, 2), C, *size),
        "w": draw.normal(C_out, C, *kernel),
        "b": draw.normal(C_out),
        "stride": stride,
        "padding": padding,
    }


def expected(x, w, b, stride, padding):
    (sh, sw), (ph, pw) = stride, padding
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=(2, 3))[:, :, ::sh, ::sw]
    return {"y": np.einsum("rchwji,dcji->rdhw", windows, w) + b[:, np.newaxis, np.newaxis]}


PLACE = """row = h_out * stride_h + j - pad_h
                    column = w_out * stride_w + i - pad_w
"""
INSIDE = "if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:"

judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            PLACE,
            PLACE.replace(" * stride_h", "").replace(" * stride_w", ""),
            "Windows move by one pixel, whatever the stride, as in eq. 24 in print. Where does the window begin?",
        ),
        Mistake(
            PLACE,
            PLACE.replace(" - pad_h", "").replace(" - pad_w", ""),
            "Where does the window begin? Row 0 of the padded image lies above the image.",
        ),
        Mistake(
            PLACE,
            PLACE.replace("h_out * stride_h + j", "(h_out + j) * stride_h").replace(
                "w_out * stride_w + i", "(w_out + i) * stride_w"
            ),
            "The window moves by s; inside it pixel is next to pixel.",
        ),
        Mistake(
            INSIDE,
            "if row < x.shape[2] and column < x.shape[3]:",
            "The padding lies on all four sides: what if a window begins above the image, or left of it?",
        ),
        Mistake(
            INSIDE,
            "if row >= 0 and column >= 0:",
            "The padding lies on all four sides: what if a window ends below the image, or right of it?",
        ),
        Mistake(
            "w[c_out, c, j, i]",
            "w[c, c_out, j, i]",
            "The axes of w are (C', C, kh, kw): first the channel that is made, then the one that is read.",
        ),
    ],
)
