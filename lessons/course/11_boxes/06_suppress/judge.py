import numpy as np

from lessons.judging import Mistake, Write


def case(draw):
    K = draw.size(1, 28)
    overlap = draw.choice(0.375, 0.5, 0.625)
    iou = draw.uniform(0, 1, K, K)
    iou[draw.uniform(0, 1, K, K) < 0.2] = overlap  # to the last bit
    iou = np.minimum(iou, iou.T)
    np.fill_diagonal(iou, 1)
    return {"iou": iou, "overlap": overlap}


def expected(iou, overlap):
    keep = np.ones(len(iou), np.int32)
    for i in range(len(iou)):
        if keep[i]:
            keep[i + 1 :][iou[i, i + 1 :] > overlap] = 0
    return {"keep": keep}


judge = Write(
    case=case,
    expected=expected,
    mistakes=[
        Mistake(
            "        cuda.syncthreads()  # the turn of box i is over\n",
            "",
            "A thread that is ahead asks whether box i is struck out while another may still be about to do so.",
        ),
        Mistake(
            "                    struck[j] = 1\n        cuda.syncthreads()",
            "                    struck[j] = 1\n                    cuda.syncthreads()",
            "Only threads that strike out a box come to this barrier, and wait there for all others.",
        ),
        Mistake(
            "        if struck[i] == 0:",
            "        if struck[i] >= 0:",
            "Boxes that are out already still strike out others. One of these may be right about another face.",
        ),
        Mistake(
            "range(i + 1 + t, K, BLOCK)",
            "range(i + t, K, BLOCK)",
            "Each box is compared with itself, too, whose IoU with it is 1: it strikes itself out.",
        ),
        Mistake("iou[i, j] > overlap", "iou[i, j] >= overlap", "More than is allowed: just as much is still allowed."),
    ],
)
