"""Overlap loss in NumPy. Source: Rezatofighi et al. (2019), GIoU, algorithm 2; Zheng et al. (2020), DIoU, eq. 5-7;
Zhang et al. (2022), Focal and Efficient IOU Loss, L_EIOU without its focal part.

offsets (R, N, 4), anchors (N, 4), boxes (R, M, 4), matched (R, N) int32, weight (R, N) -> y and iou (R, N):

    y[r,n] = weight[r,n] (1 - IoU + P)        of the box that offsets[r,n] describe as seen from anchors[n], decoded
                                              as decode_boxes does, and of boxes[r, matched[r,n]]

An anchor counts where weight is not 0 and matched names one of the M boxes. All others are not read: whatever stands
there, a NaN included, costs nothing and sends nothing back. iou is the plain IoU of the two boxes, 0 where an anchor
does not count. It is for others to read, as the quality that a score has to predict, and takes no delta-error.

For each axis let w and t be the sizes of predicted and true box, i that of what they share, c that of the smallest box
around both, and d the distance of their centres; w', t', i', c' and d' those of the other axis. A size that would be
negative, as of edges the wrong way round, is 0. A quotient is 0 where it would divide by 0. With

    union U = w w' + t t' - i i'        hull C = c c'        D = (d^2 + d'^2) / (c^2 + c'^2)

    IoU = i i' / U        P = 0                                              measure iou
                          P = (C - U) / C                                            giou
                          P = D                                                      diou
                          P = D + ((w - t) / c)^2 + ((w' - t') / c')^2               eiou

The derivative, of L = 1 - IoU + P by what belongs to one axis; the true box is a constant:

    dL/di = - (1 + IoU) i' / U        giou: + i' / C
    dL/dw =   IoU w' / U              giou: - w' / C                  eiou: + 2 (w - t) / c^2
    dL/dc =   0                       giou: + (U / C) c' / C          diou, eiou: - 2 D c / (c^2 + c'^2)
                                                                      eiou: - 2 (w - t)^2 / c^3
    dL/dd =   0                       diou, eiou: 2 d / (c^2 + c'^2)

Then by the edges of the predicted box, low and high. w = high - low, d = (low + high) / 2 - that of the true box. What
is shared begins at the larger of the two low edges, the hull at the smaller one; of the high edges it is the other way
round. So with [a] for 1 where a holds and 0 where not, and s = [i is above 0],

    dL/dlow  = - dL/dw - s dL/di [low > true low]   - dL/dc [low < true low]   + 1/2 dL/dd
    dL/dhigh =   dL/dw + s dL/di [high < true high] + dL/dc [high > true high] + 1/2 dL/dd

Where two edges are the same, or touch, [a] is 1/2: the slope is the middle of those on both sides, and that of a box
that is just right is 0. Last by the offsets, each divided by its weight, with the anchor's size w_a:

    centers    dL/dx = w_a (dL/dlow + dL/dhigh)        dL/dw = 1/2 w (dL/dhigh - dL/dlow), 0 where decoding cut w off
    corners    dL/dlow and dL/dhigh themselves
"""

import numpy as np

from kernels.operations.box_code import LARGEST_LOG_SIZE
from kernels.operations.decode_boxes.reference import centers, corners

DECODE = {"centers": centers, "corners": corners}


def forward(offsets, anchors, boxes, matched, weight, y, iou, code, weights, measure):
    """y[r,n] = weight[r,n] (1 - IoU + P) of the decoded box and boxes[r, matched[r,n]]."""
    y[...], iou[...] = 0, 0
    r, n = counted(boxes, matched, weight)
    box = DECODE[code](offsets[r, n] / np.array(weights), anchors[n])
    spans = Spans(box, boxes[r, matched[r, n]])
    iou[r, n] = spans.iou
    y[r, n] = weight[r, n] * (1 - spans.iou + penalty(spans, measure))


def backward(dy, offsets, anchors, boxes, matched, weight, doffsets, code, weights, measure):
    """doffsets[r,n] = dy[r,n] weight[r,n] times the derivative of 1 - IoU + P by offsets[r,n]."""
    doffsets[...] = 0
    r, n = counted(boxes, matched, weight)
    d = offsets[r, n] / np.array(weights)
    by_low, by_high = by_edges(Spans(DECODE[code](d, anchors[n]), boxes[r, matched[r, n]]), measure)
    if code == "centers":
        size_a = anchors[n, 2:] - anchors[n, :2]
        size = np.where(d[:, 2:] > LARGEST_LOG_SIZE, 0, size_a * np.exp(np.minimum(d[:, 2:], LARGEST_LOG_SIZE)))
        by_low, by_high = size_a * (by_low + by_high), 0.5 * size * (by_high - by_low)
    slope = np.concatenate([by_low, by_high], axis=1) / np.array(weights)
    doffsets[r, n] = (dy[r, n] * weight[r, n])[:, np.newaxis] * slope


def counted(boxes, matched, weight):
    """(r, n) of the anchors that count."""
    return np.nonzero((weight != 0) & (matched >= 0) & (matched < boxes.shape[1]))


class Spans:
    """What two boxes (K, 4) are to each other, for both axes (K, 2): w, t, i, c and d. And of the two: U, C and IoU."""

    def __init__(self, box, true):
        self.low, self.high, self.true_low, self.true_high = box[:, :2], box[:, 2:], true[:, :2], true[:, 2:]
        self.w, self.t = np.maximum(self.high - self.low, 0), np.maximum(self.true_high - self.true_low, 0)
        self.shared = np.minimum(self.high, self.true_high) - np.maximum(self.low, self.true_low)
        self.i = np.maximum(self.shared, 0)
        self.c = np.maximum(self.high, self.true_high) - np.minimum(self.low, self.true_low)
        self.d = (self.low - self.true_low + self.high - self.true_high) / 2
        self.union = self.w.prod(axis=1) + self.t.prod(axis=1) - self.i.prod(axis=1)
        self.hull = self.c.prod(axis=1)
        self.iou = quotient(self.i.prod(axis=1), self.union)
        self.diagonal = (self.c**2).sum(axis=1)  # squared


def penalty(s, measure):
    """P (K,)."""
    if measure == "giou":
        return quotient(s.hull - s.union, s.hull)
    P = quotient((s.d**2).sum(axis=1), s.diagonal) if measure in ("diou", "eiou") else 0
    return P + quotient((s.w - s.t) ** 2, s.c**2).sum(axis=1) if measure == "eiou" else P


def by_spans(s, measure):
    """The derivatives of 1 - IoU + P by w, i, c and d, each (K, 2)."""
    w, i, c = (span[:, ::-1] for span in (s.w, s.i, s.c))  # of the other axis
    union, hull, iou, diagonal = (of_both[:, np.newaxis] for of_both in (s.union, s.hull, s.iou, s.diagonal))
    by_w, by_i = quotient(iou * w, union), quotient(-(1 + iou) * i, union)
    by_c = by_d = np.zeros_like(w)
    if measure == "giou":
        by_w, by_i, by_c = by_w - quotient(w, hull), by_i + quotient(i, hull), quotient(quotient(union, hull) * c, hull)
    if measure in ("diou", "eiou"):
        D = quotient((s.d**2).sum(axis=1, keepdims=True), diagonal)
        by_c, by_d = quotient(-2 * D * s.c, diagonal), quotient(2 * s.d, diagonal)
    if measure == "eiou":
        by_w, by_c = by_w + quotient(2 * (s.w - s.t), s.c**2), by_c - quotient(2 * (s.w - s.t) ** 2, s.c**3)
    return by_w, by_i, by_c, by_d


def by_edges(s, measure):
    """The derivatives of 1 - IoU + P by the low and by the high edges, each (K, 2)."""
    by_w, by_i, by_c, by_d = by_spans(s, measure)
    by_w, by_i = by_w * above(s.high, s.low), by_i * above(s.shared, 0)
    by_low = -by_w - by_i * above(s.low, s.true_low) - by_c * above(s.true_low, s.low) + by_d / 2
    by_high = by_w + by_i * above(s.true_high, s.high) + by_c * above(s.high, s.true_high) + by_d / 2
    return by_low, by_high


def above(a, b):
    """1 where a > b, 1/2 where they are the same, else 0."""
    return np.heaviside(a - b, 0.5)


def quotient(a, b):
    """a / b, and 0 where b is; a NaN stays."""
    a, b = np.broadcast_arrays(a, b)
    return np.divide(a, b, out=np.where(np.isnan(b), b, 0.0), where=b > 0)
