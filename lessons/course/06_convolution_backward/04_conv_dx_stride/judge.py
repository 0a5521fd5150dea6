import numpy as np

from lessons.judging import Derive, Known, Mistake


def case(draw):
    R, C, C_out = draw.size(1, 2), draw.size(1, 2), draw.size(1, 2)
    # Two weights at least: in the case of the smallest sizes, which has no stride and no padding, windows would begin
    # on all four sides outside of where they do.
    kernel, places = (draw.size(2, 3), draw.size(2, 3)), (draw.size(1, 3), draw.size(1, 2))
    stride, padding = (draw.size(1, 2), draw.size(1, 3)), (draw.size(0, 2), draw.size(0, 1))
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


judge = Derive(
    case=case,
    forward=forward,
    wrt=("x",),
    answers={"INDEX": Known("h - s h'", ("h - s h'", "s h - h'", "(h - h') / s", "h + s h'"))},
    mistakes=[
        Mistake(
            'INDEX = "h - s h\'"',
            'INDEX = "(h - h\') / s"',
            "It is the windows that move by s, not the weights: in a window, weight is next to weight.",
        ),
        Mistake(
            'INDEX = "h - s h\'"',
            'INDEX = "s h - h\'"',
            "Row h of the image is where it is, whatever the stride. What moves by s: the pixel or the window?",
        ),
        Mistake(
            "if divides and 0 <= h_out",
            "if 0 <= h_out",
            "Windows begin at every s-th place only. A division rounds: what if none begins where it would have to?",
        ),
        Mistake(
            "row + pad_h - j, column + pad_w - i",
            "row - j, column - i",
            "Windows begin at places of the padded image. Pixel (row, column) of x has another row and column there.",
        ),
        Mistake(
            "row + pad_h - j, column + pad_w - i",
            "row - pad_h - j, column - pad_w - i",
            "The padding lies above the image: does row 0 of x lie further up in the padded image, or further down?",
        ),
        Mistake(
            "if divides and 0 <= h_out < dy.shape[2] and 0 <= w_out < dy.shape[3]:",
            "if divides and h_out < dy.shape[2] and w_out < dy.shape[3]:",
            "No window begins above the padded image or left of it, even where the division comes out even.",
        ),
    ],
)
