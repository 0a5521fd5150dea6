"""What two boxes are to each other, their loss and its slopes, for one pair of float32 boxes: the same lines run on a
CPU core and in a GPU thread. reference.py says in which letters, and derives the slopes.

The edges along an axis are a tuple (low, high, true low, true high), its spans a tuple (w, t, i, c, d). The low edge
of the anchor is taken to be 0, so that boxes far from the origin keep their digits. Comparisons let a NaN pass.
"""

import math

from kernels.gpu import float32
from kernels.operations.box_code import LARGEST_LOG_SIZE


def spans(edges):
    """The spans of an axis."""
    low, high, true_low, true_high = edges
    w = high - low
    t = true_high - true_low
    i = (true_high if true_high < high else high) - (true_low if true_low > low else low)
    c = (true_high if true_high > high else high) - (true_low if true_low < low else low)
    d = float32(0.5) * ((low - true_low) + (high - true_high))
    w = float32(0) if w < float32(0) else w
    t = float32(0) if t < float32(0) else t
    i = float32(0) if i < float32(0) else i
    return w, t, i, c, d


def overlap(x, y):
    """IoU and union of two boxes, given the spans of both axes."""
    wx, tx, ix, _, _ = x
    wy, ty, iy, _, _ = y
    shared = ix * iy
    union = wx * wy + tx * ty - shared
    return shared / union if union > float32(0) else float32(0) * union, union


def no_penalty(x, y, union):
    return float32(0)


def giou_penalty(x, y, union):
    """(C - U) / C."""
    _, _, _, cx, _ = x
    _, _, _, cy, _ = y
    hull = cx * cy
    return (hull - union) / hull if hull > float32(0) else float32(0) * hull


def diou_penalty(x, y, union):
    """D."""
    _, _, _, cx, dx = x
    _, _, _, cy, dy = y
    diagonal = cx * cx + cy * cy
    return (dx * dx + dy * dy) / diagonal if diagonal > float32(0) else float32(0) * diagonal


def eiou_penalty(x, y, union):
    """D + ((w - t) / c)^2 + ((w' - t') / c')^2."""
    wx, tx, _, cx, dx = x
    wy, ty, _, cy, dy = y
    diagonal = cx * cx + cy * cy
    D = (dx * dx + dy * dy) / diagonal if diagonal > float32(0) else float32(0) * diagonal
    ex = (wx - tx) / cx if cx > float32(0) else float32(0)
    ey = (wy - ty) / cy if cy > float32(0) else float32(0)
    return D + ex * ex + ey * ey


def overlap_slopes(x, y, iou, union):
    """The derivatives of 1 - IoU by w and i of axis x."""
    wy, _, iy, _, _ = y
    scale = float32(1) / union if union > float32(0) else float32(0) * union
    return iou * wy * scale, -(float32(1) + iou) * iy * scale


def no_slopes(x, y, union):
    """The derivatives of P by w, i, c and d of axis x; so are those that follow."""
    return float32(0), float32(0), float32(0), float32(0)


def giou_slopes(x, y, union):
    _, _, _, cx, _ = x
    wy, _, iy, cy, _ = y
    hull = cx * cy
    scale = float32(1) / hull if hull > float32(0) else float32(0) * hull
    return -wy * scale, iy * scale, (union * scale) * (cy * scale), float32(0)


def diou_slopes(x, y, union):
    _, _, _, cx, dx = x
    _, _, _, cy, dy = y
    diagonal = cx * cx + cy * cy
    scale = float32(1) / diagonal if diagonal > float32(0) else float32(0) * diagonal
    D = (dx * dx + dy * dy) * scale
    return float32(0), float32(0), float32(-2) * D * (cx * scale), float32(2) * dx * scale


def eiou_slopes(x, y, union):
    wx, tx, _, cx, dx = x
    _, _, _, cy, dy = y
    diagonal = cx * cx + cy * cy
    scale = float32(1) / diagonal if diagonal > float32(0) else float32(0) * diagonal
    D = (dx * dx + dy * dy) * scale
    inverse = float32(1) / cx if cx > float32(0) else float32(0)
    e = (wx - tx) * inverse
    by_w = float32(2) * e * inverse
    return by_w, float32(0), float32(-2) * D * (cx * scale) - by_w * e, float32(2) * dx * scale


def by_edges(edges, by_w, by_i, by_c, by_d):
    """The derivatives by the two edges of the predicted box: what is the same counts half on either side."""
    low, high, true_low, true_high = edges
    end = true_high if true_high < high else high
    begin = true_low if true_low > low else low
    by_w *= float32(1) if high > low else (float32(0.5) if high == low else float32(0))
    by_i *= float32(1) if end > begin else (float32(0.5) if end == begin else float32(0))
    low_inside = float32(1) if low > true_low else (float32(0.5) if low == true_low else float32(0))
    high_inside = float32(1) if high < true_high else (float32(0.5) if high == true_high else float32(0))
    middle = float32(0.5) * by_d
    by_low = middle - by_w - by_i * low_inside - by_c * (float32(1) - low_inside)
    by_high = middle + by_w + by_i * high_inside + by_c * (float32(1) - high_inside)
    return by_low, by_high


def by_centers(by_low, by_high, second, size_a):
    """The derivatives by the offsets of an axis, given those by the edges: what decoding cut off has none."""
    size = float32(0) if second > float32(LARGEST_LOG_SIZE) else size_a * math.exp(second)
    return size_a * (by_low + by_high), float32(0.5) * size * (by_high - by_low)


def by_corners(by_low, by_high, second, size_a):
    return by_low, by_high


BY_CODE = {"centers": by_centers, "corners": by_corners}
PENALTIES = {
    "iou": (no_penalty, no_slopes),
    "giou": (giou_penalty, giou_slopes),
    "diou": (diou_penalty, diou_slopes),
    "eiou": (eiou_penalty, eiou_slopes),
}
