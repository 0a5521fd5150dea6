"""Anchor matching in NumPy. Source: Zozoulenko (2018), section 3.3.2; Lin et al. (2017), section 4.

anchors (N, 4), boxes (R, M, 4), both as (x1, y1, x2, y2), label (R, M): FACE, PADDING or IGNORED_FACE
-> matched (R, N): the index of the face that the anchor has to find, BACKGROUND or IGNORED_ANCHOR.

1. An anchor looks at the FACE that it overlaps most, by the IoU of eq. 58; of equals at the first. From
   `positive` on it has to find that face, below `negative` it is background, between them it is ignored.
2. With `best` no face that any anchor overlaps is left out: the anchor that overlaps it most, of equals the first, has
   to find it. An anchor has one face: where several claim it, it finds the one that it overlaps most, of equals the
   first. (torchvision's allow_low_quality_matches instead gives each claimed anchor the face of step 1.)
3. Any other anchor of whose area at least half lies in one IGNORED_FACE is ignored.

A box with a NaN overlaps nothing here: an index has no room for it.
"""

import numpy as np

from kernels.operations.iou.reference import area, intersection, overlap
from kernels.operations.labels import BACKGROUND, FACE, IGNORED_ANCHOR, IGNORED_FACE


def forward(anchors, boxes, label, matched, positive, negative, best):
    """matched[r,n] = argmax over m of IoU(anchors[n], boxes[r,m]), where that is large enough."""
    iou = np.nan_to_num(overlap(anchors, boxes)) * (label == FACE)[:, np.newaxis, :]
    largest = iou.max(axis=2)
    matched[...] = np.where(largest < negative, BACKGROUND, IGNORED_ANCHOR)
    np.copyto(matched, iou.argmax(axis=2), where=largest >= positive)
    if best:
        claimed = (np.arange(len(anchors))[:, np.newaxis] == iou.argmax(axis=1)[:, np.newaxis, :]) & (iou > 0)
        claims = np.where(claimed, iou, 0)
        np.copyto(matched, claims.argmax(axis=2), where=claimed.any(axis=2))
    shared = intersection(anchors, boxes) * (label == IGNORED_FACE)[:, np.newaxis, :]
    hidden = (shared > 0) & (shared >= 0.5 * area(anchors)[:, np.newaxis])
    matched[hidden.any(axis=2) & (matched < 0)] = IGNORED_ANCHOR
