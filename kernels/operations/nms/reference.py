"""Non-maximum suppression in NumPy. Source: Lin et al. (2017), section 4.1; the IoU is Zozoulenko (2018), eq. 58.

boxes (R, K, 4) and score (R, K), which falls along K -> keep (R, K): 1 for a box that is kept, 0 for one that is not.
A box is kept if its score is at least the threshold and no box kept before it overlaps it more than allowed.
"""

from kernels.operations.iou.functions import overlap as iou


def forward(boxes, score, keep, overlap, threshold):
    """Greedy: the boxes of a picture one after the other, each compared with those kept before it."""
    R, K = score.shape
    for r in range(R):
        kept: list[int] = []
        for i in range(K):
            keep[r, i] = score[r, i] >= threshold and not any(iou(boxes[r, j], boxes[r, i]) > overlap for j in kept)
            if keep[r, i]:
                kept.append(i)
