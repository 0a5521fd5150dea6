import numpy as np

from lessons.judging import Budget, Derive, Mistake


def pictures(draw, R, C, H, W, k, s):
    return {"x": draw.distinct(R, C, H, W), "k": k, "s": s}


def case(draw):
    k, s = draw.size(2, 3), draw.choice(1, 1, 2, 3)  # windows overlap, most of the time
    return pictures(draw, draw.size(1, 2), draw.size(1, 2), k + draw.size(0, 4), k + draw.size(0, 5), k, s)


def windows(x, k, s):
    """All windows, with their k * k values side by side."""
    found = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::s, ::s]
    return found.reshape(*found.shape[:4], k * k)


def forward(x, k, s):
    return windows(x, k, s).max(axis=4)


def saved(x, k, s):
    j, i = np.divmod(windows(x, k, s).argmax(axis=4), k)
    h_out, w_out = np.ogrid[: j.shape[2], : j.shape[3]]
    return {"winner": ((h_out * s + j) * x.shape[3] + w_out * s + i).astype(np.int32)}


judge = Derive(
    case=case,
    forward=forward,
    saved=saved,
    wrt=("x",),
    budget=Budget(case=lambda draw: pictures(draw, 1, 2, 9, 11, 3, 2), most={"requests": 81}),
    mistakes=[
        Mistake(
            "total += dy",
            "total = dy",
            "A value that won several windows is paid by the last of them alone: it is owed by all.",
        ),
        Mistake(
            "if winner[p, h_out, w_out] == h * W + w:",
            "if winner[p, h_out, w_out] >= 0:",
            "Every value of a window is paid, as in eq. 36 as it is printed: the window passed on only its largest.",
        ),
        Mistake(
            "first_h, last_h = max(0, (h - k) // s + 1)",
            "first_h, last_h = h // s",
            "Rows where windows overlap lie in more than one: you look at the last window that covers a row, and there "
            "are others that begin above it.",
        ),
        Mistake(
            """\
        first_h, last_h = max(0, (h - k) // s + 1), min(dy.shape[1] - 1, h // s)
        first_w, last_w = max(0, (w - k) // s + 1), min(dy.shape[2] - 1, w // s)
""",
            """\
        first_h, last_h = 0, dy.shape[1] - 1
        first_w, last_w = 0, dy.shape[2] - 1
""",
            "It is right, and each thread looks at all windows of its plane: work out which of them cover its value.",
        ),
        Mistake(
            """\
        total = float32(0)
        for h_out in range(first_h, last_h + 1):
            for w_out in range(first_w, last_w + 1):
                if winner[p, h_out, w_out] == h * W + w:
                    total += dy[p, h_out, w_out]
        dx[p, h, w] = total
""",
            """\
        dx[p, h, w] = float32(0)
        for h_out in range(first_h, last_h + 1):
            for w_out in range(first_w, last_w + 1):
                if winner[p, h_out, w_out] == h * W + w:
                    dx[p, h, w] += dy[p, h_out, w_out]
""",
            "It is right, but dx is read and written for each window: add up in a register, and write once.",
        ),
        Mistake(
            """\
                if winner[p, h_out, w_out] == h * W + w:
                    total += dy[p, h_out, w_out]
""",
            """\
                delta = dy[p, h_out, w_out]
                if winner[p, h_out, w_out] == h * W + w:
                    total += delta
""",
            "It is right, but dy is read before it is known who won.",
        ),
    ],
)
