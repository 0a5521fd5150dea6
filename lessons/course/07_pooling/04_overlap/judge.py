import numpy as np

from lessons.judging import Detect, Mistake


def pooled(draw, k, s):
    """What forward left of a picture, and delta-errors."""
    R, C = draw.size(1, 2), draw.size(1, 5)
    x = draw.normal(R, C, k + draw.size(1, 4), k + draw.size(1, 5))
    H, W = x.shape[2:]
    found = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[:, :, ::s, ::s]
    j, i = np.divmod(found.reshape(*found.shape[:4], k * k).argmax(axis=4), k)
    h_out, w_out = np.ogrid[: j.shape[2], : j.shape[3]]
    winner = ((h_out * s + j) * W + w_out * s + i).astype(np.int32)
    return {"dy": draw.normal(*winner.shape), "winner": winner, "H": H, "W": W}


def case(draw):
    k = draw.size(2, 3)
    return pooled(draw, k, draw.size(1, k - 1))


def expected(dy, winner, H, W):
    dx = np.zeros((*dy.shape[:2], H * W))
    r, c = np.ogrid[: dy.shape[0], : dy.shape[1]]
    np.add.at(dx, (r[..., None, None], c[..., None, None], winner), dy)
    return {"dx": dx.reshape(*dy.shape[:2], H, W)}


def tests(draw):
    return pooled(draw, 2, 2)


judge = Detect(
    case=case,
    expected=expected,
    line="dx[p, place] = dy",
    fault="lost sum",
    tests=tests,
    found="right",
    mistakes=[
        Mistake("LINE = 21", "LINE = 17", "A value that won nothing is owed nothing, and that line says so."),
        Mistake(
            'KIND = "lost sum"',
            'KIND = "race"',
            "All windows of a plane are gone through by one thread, and no other touches that plane.",
        ),
        Mistake(
            "            dx[p, place] = float32(0)  # most values won nothing",
            "            pass",
            "What is added is added to what stood there before: without the zeros that is anything.",
        ),
        Mistake(
            "dx[p, place] += dy[p, h_out, w_out]",
            "dx[p, place] = max(dx[p, place], dy[p, h_out, w_out])",
            "A value that won two windows is owed the delta-errors of both, and not the larger one of them.",
        ),
    ],
)
