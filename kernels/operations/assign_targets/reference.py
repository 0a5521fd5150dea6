"""Targets of the detector's loss in NumPy. Source: Zozoulenko (2018), eq. 61, corrected; seed 001, eq. 61, corrected.

matched (R, N) int32: the face of an anchor, BACKGROUND, or IGNORED_ANCHOR for one that takes no part
-> target (R, N, 2), weight (R, N).

    L = 1 / N_c  sum over a that takes part of L_c(p_a, target_a)  +  1 / N_r  sum over positive a of L_r(r_a)

becomes a plain sum, as the factors move inside: target is one-hot (background, face), times 1 / N_c, and 0 where the
anchor takes no part, since focal_loss weighs its terms with the target; weight, for smooth_l1, is 1 / N_r for
positive anchors and 0 for all others. N_r counts the positive anchors of the whole batch. N_c counts those that take
part (normalise "anchors", eq. 61) or is N_r (normalise "positives", as RetinaNet has it). Neither is ever below 1,
so a batch without faces divides by nothing worse.

With levels, the numbers of anchors on each level of the pyramid, both are counted level by level: eq. 61 of seed 001.
"""

import numpy as np

from kernels.operations.labels import BACKGROUND


def forward(matched, target, weight, normalise, levels):
    """target[r,n] = (background, face) / N_c and weight[r,n] = face / N_r, with the counts of the level of n."""
    background, face = matched == BACKGROUND, matched >= 0
    for level in np.split(np.arange(matched.shape[1]), np.cumsum(levels or matched.shape[1:])[:-1]):
        N_r = max(1, np.sum(face[:, level]))
        N_c = max(1, np.sum((background | face)[:, level])) if normalise == "anchors" else N_r
        target[:, level, 0] = background[:, level] / N_c
        target[:, level, 1] = face[:, level] / N_c
        weight[:, level] = face[:, level] / N_r
