"""Adaptive training sample selection in NumPy. Source: Zhang et al. (2020), algorithm 1.

anchors (N, 4), boxes (R, M, 4), both as (x1, y1, x2, y2), label (R, M): FACE, PADDING or IGNORED_FACE
-> matched (R, N): the index of the face that the anchor has to find, BACKGROUND or IGNORED_ANCHOR.

1. Candidates of a FACE are, on each pyramid level, the `candidates` anchors whose centres are nearest to its own, of
   equals the first; all of a level that has fewer. `levels` are the numbers of anchors on each; () is one level. Where
   several anchors stand in a cell, the authors' code takes 9 times as many: `candidates` had better be a multiple, as
   these have one centre, but for rounding, which would choose among them.
2. Of the IoUs of all its candidates a face takes mean and standard deviation; their sum is its threshold. The deviation
   is that of a sample, divided by n - 1, as torch.std has it in the authors' code; of a single candidate it is 0.
3. A face claims the candidates that reach its threshold, overlap it, and have their centre inside of it, not on its
   edge. (The authors' code wants it 0.01 pixels inside.) An anchor has one face: where several claim it, it finds the
   one that it overlaps most, of equals the first.
4. With `best`, a face that has no anchor by now also claims the candidate that overlaps it most, of equals the first,
   if any does: small faces hold no centre. It gets it by the rule of step 3, so not if a face that the anchor overlaps
   more claimed it too, or one that it overlaps the same and that comes first. It is not given another one then, nor is
   the face that loses its anchor so. (Not in the paper.)
5. Any other anchor of whose area at least half lies in one IGNORED_FACE is ignored, as in match_anchors; all that are
   left are background.

A box with a NaN is nobody's candidate and has none itself: an index has no room for it.
"""

import numpy as np

from kernels.operations.iou.reference import area, intersection, overlap
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE
from kernels.operations.match_atss.functions import SLACK


def forward(anchors, boxes, label, matched, levels, candidates, best):
    """matched[r,n] = argmax over m of IoU(anchors[n], boxes[r,m]), of the faces that claim the anchor."""
    for r in range(len(boxes)):
        iou = np.nan_to_num(overlap(boxes[r], anchors))
        claims = np.zeros_like(iou)
        champion = {}
        for m in np.flatnonzero(label[r] == FACE):
            chosen = nearest(anchors, boxes[r, m], levels, candidates)
            if len(chosen):
                claimed = positive(anchors, boxes[r, m], chosen, iou[m])
                claims[m, claimed] = iou[m, claimed]
                champion[m] = chosen[iou[m, chosen].argmax()]
        if best:
            holders = holder(claims)
            for m, n in champion.items():
                if m not in holders:
                    claims[m, n] = iou[m, n]
        matched[r] = holder(claims)
        shared = intersection(anchors, boxes[r, label[r] == IGNORED_FACE])
        hidden = (shared > 0) & (shared >= 0.5 * area(anchors)[:, np.newaxis])
        matched[r, hidden.any(axis=1) & (matched[r] == BACKGROUND)] = IGNORED_ANCHOR


def nearest(anchors, face, levels, candidates):
    """The candidates of a face on all levels, in the order of their numbers."""
    distance = ((center(anchors) - center(face)) ** 2).sum(axis=1)
    chosen, begin = [], 0
    for count in levels or (len(anchors),):
        order = begin + np.argsort(distance[begin : begin + count], kind="stable")  # which puts a NaN last
        chosen.extend(sorted(n for n in order[:candidates] if not np.isnan(distance[n])))
        begin += count
    return np.array(chosen, int)


def positive(anchors, face, chosen, iou):
    """Those of a face's candidates that it claims."""
    overlaps = iou[chosen]
    threshold = overlaps.mean() + (overlaps.std(ddof=1) if len(chosen) > 1 else 0)
    middle = center(anchors[chosen])
    inside = ((face[:2] < middle) & (middle < face[2:])).all(axis=1)
    return chosen[(overlaps > 0) & (overlaps >= threshold - SLACK) & inside]


def holder(claims):
    """claims (M, N), 0 where there is none -> (N,): the face that gets each anchor, or BACKGROUND."""
    return np.where(claims.any(axis=0), claims.argmax(axis=0), BACKGROUND)


def center(boxes):
    """The middle (..., 2) of each box (..., 4)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2
