import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    k, s = draw.size(1, 3), draw.size(1, 3)
    shape = draw.size(1, 2), draw.size(1, 3), k + draw.size(0, 5), k + draw.size(0, 6)
    # Few different numbers, so that many are equally large; and often none that is positive.
    return {"x": draw.whole(-5, draw.choice(-2, 3), *shape, dtype="float32"), "k": k, "s": s}


def expected(x, k, s):
    R, C, H, W = x.shape
    y = np.empty((R, C, (H - k) // s + 1, (W - k) // s + 1))
    winner = np.empty(y.shape, np.int32)
    for h_out, w_out in np.ndindex(y.shape[2:]):
        top, left = h_out * s, w_out * s
        values = x[:, :, top : top + k, left : left + k].reshape(R, C, k * k)
        j, i = np.divmod(values.argmax(axis=2), k)  # the first of equal ones
        y[:, :, h_out, w_out] = values.max(axis=2)
        winner[:, :, h_out, w_out] = (top + j) * W + left + i
    return {"y": y, "winner": winner}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "] > best",
            "] >= best",
            "y is right, but a later value that is only as large as the best takes its place: the first is to win.",
        ),
        Mistake(
            "float32(-math.inf)",
            "float32(0)",
            "In a window of negative values this 0 is the largest, and it does not stand in the picture.",
        ),
        Mistake(
            "], h * W + w",
            "], (h - top) * k + w - left",
            "That is the place within the window: the way back needs the place within the channel's H * W values.",
        ),
        Mistake(
            "top, left = h_out * s, w_out * s",
            "top, left = h_out * k, w_out * k",
            "Windows are k wide, but their corners stand s apart: the two are the same only where none overlap.",
        ),
    ],
)
