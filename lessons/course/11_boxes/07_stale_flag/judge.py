import numpy as np

from lessons.judging import Detect, Mistake


def case(draw):
    K = draw.size(3, 16)
    iou = draw.uniform(0, 1, K, K)
    iou = np.minimum(iou, iou.T)
    np.fill_diagonal(iou, 1)
    iou[0, 1] = iou[1, 0] = 0.9  # one is struck out, at least
    return {"iou": iou, "overlap": draw.choice(0.375, 0.5, 0.625)}


def expected(iou, overlap):
    keep = np.ones(len(iou), np.int32)
    for i in range(len(iou)):
        if keep[i]:
            keep[i + 1 :][iou[i, i + 1 :] > overlap] = 0
    return {"keep": keep}


judge = Detect(
    case=case,
    expected=expected,
    line="kept[0]",
    fault="missing barrier",
    tests=lambda draw: {"iou": np.eye(8, dtype=np.float32), "overlap": 0.5},
    found="DataRace",
    mistakes=[
        Mistake(
            "LINE = 22",
            "LINE = 21",
            "This barrier does what it says: nobody listens before box i has spoken. Look at what else happens to the "
            "cell, a turn later.",
        ),
        Mistake(
            'KIND = "missing barrier"',
            'KIND = "race"',
            "Two threads never write the cell in one turn, and a barrier stands between one write and the next. Who "
            "else comes by?",
        ),
        Mistake(
            "            struck = 1\n        cuda.syncthreads()",
            "            struck = 1\n            cuda.syncthreads()",
            "Only threads whose box is struck out in this turn come to the barrier, and wait for all others: it has to "
            "stand outside of the `if`.",
        ),
        Mistake(
            "        cuda.syncthreads()  # box i has said it\n",
            "",
            "The cell is written and read in every turn, and one of these does not wait for the other: nobody may "
            "listen before box i has spoken, and box i + 1 may not speak before all have listened.",
        ),
    ],
)
