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


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "h_out * stride_h + j",
            "h_out + j",
            "Windows move by one row, whatever the stride: that is eq. 24 as it is printed. Which row is it by eq. 23?",
        ),
        Mistake(
            "j - pad_h",
            "j + pad_h",
            "Row 0 of the image is row pad_h of the padded one: the way back from there is a subtraction.",
        ),
        Mistake(
            "if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:",
            "if row < x.shape[2] and column < x.shape[3]:",
            "The padding lies on all four sides: what if a window begins above the image, or left of it?",
        ),
        Mistake(
            "w[c_out, c, j, i]",
            "w[c_out, 0, j, i]",
            "Each channel of the input has weights of its own; here all are weighed with those of the first.",
        ),
    ],
)
