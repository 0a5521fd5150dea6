"""How well faces were found: each box is a hit, a false alarm or counts for nothing, as WIDER FACE counts.

Source: Yang et al. (2016), "WIDER FACE: A Face Detection Benchmark", and its evaluation toolbox.

A box takes the face that it overlaps most, among all faces of its picture, ignored ones too. If their IoU is less than
1/2 it is a false alarm. Else it counts for nothing if that face is ignored; it is a hit if no box with a higher
score has that face already, and a false alarm if one has. Average precision is the area under the precision envelope:
at each recall the best precision that is reached there or further on, as in PASCAL VOC since 2010.

Where this differs from the toolbox:
- It counts at 1000 evenly spaced thresholds after stretching all scores to [0, 1]; here every score is a threshold, so
  that only the order of the scores matters. Boxes with equal scores come in together, in whichever order they stand.
- It gives each box a pixel more in width and height; here a box is as wide as x2 - x1, as everywhere in this project.
- It passes over pictures that have no faces at all; here what is found in them are false alarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.errors import DataError
from apps.faces.matlab import read_matlab

# Face heights in pixels, from the first to below the second: the paper's three scales.
SCALES = {"large": (300, np.inf), "medium": (50, 300), "small": (10, 50)}
LISTS = ("easy", "medium", "hard")


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in a picture: boxes float32 (k, 4) as x1, y1, x2, y2, and scores float32 (k,), in any order."""

    boxes: np.ndarray
    scores: np.ndarray

    def __post_init__(self):
        expect("detections", boxes=(self.boxes, (len(self.boxes), 4)), scores=(self.scores, (len(self.boxes),)))
        if np.isnan(self.scores).any():
            raise ValueError("detections: a score is not a number")

    def above(self, threshold: float) -> "Detections":
        """Those with at least this score."""
        chosen = self.scores >= threshold
        return Detections(self.boxes[chosen], self.scores[chosen])


@dataclass(frozen=True, eq=False)
class Truth:
    """The faces of a picture: boxes (n, 4) as x1, y1, x2, y2, and ignored bool (n,): not counted, found or not."""

    boxes: np.ndarray
    ignored: np.ndarray

    def __post_init__(self):
        expect("truth", boxes=(self.boxes, (len(self.boxes), 4)), ignored=(self.ignored, (len(self.boxes),)))

    def ignoring(self, more: np.ndarray) -> "Truth":
        """The same faces, of which some more are ignored."""
        return Truth(self.boxes, self.ignored | more)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of the boxes and faces of one picture.

    hits, false_alarms, ignored bool (k,): each box is one of them. face int (k,): the one that it overlaps most, or -1
    where it overlaps none; overlap float64 (k,): their IoU. repeated bool (k,): the false alarms that would be hits if
    their face had not been found before. missed bool (n,): the faces that count and have no hit.
    """

    detections: Detections
    truth: Truth
    hits: np.ndarray
    false_alarms: np.ndarray
    ignored: np.ndarray
    face: np.ndarray
    overlap: np.ndarray
    repeated: np.ndarray
    missed: np.ndarray


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall float64 (t,) of the boxes whose score is at least thresholds (t,), which fall.

    Every score of a hit or a false alarm is a threshold, once. Where no face counts, recall and ap are NaN: there was
    nothing to measure, which is neither good nor bad. Where there are faces and nothing was found, ap is 0.
    """

    precision: np.ndarray
    recall: np.ndarray
    thresholds: np.ndarray
    ap: float
    faces: int
    outcomes: list[Outcome]


def expect(what: str, **arrays: tuple[np.ndarray, tuple[int, ...]]) -> None:
    """Complains of the first array that has another shape."""
    for name, (array, shape) in arrays.items():
        if array.shape != shape:
            raise ValueError(f"{what}: {name} of shape {array.shape} found, {shape} expected")


def evaluate(detections: Sequence[Detections], truths: Sequence[Truth], overlap: float = 0.5) -> Curve:
    """All pictures together: the curve of precision against recall, and what became of each box and face."""
    if len(detections) != len(truths):
        raise ValueError(f"evaluate: detections of {len(detections)} pictures and the truth of {len(truths)}")
    if not overlap > 0:
        raise ValueError(f"evaluate: overlap {overlap} found, more than 0 expected")
    outcomes = [judge(found, truth, overlap) for found, truth in zip(detections, truths, strict=True)]
    faces = sum(int(np.count_nonzero(~truth.ignored)) for truth in truths)

    scores = concatenated([outcome.detections.scores[~outcome.ignored] for outcome in outcomes], np.float32)
    hits = concatenated([outcome.hits[~outcome.ignored] for outcome in outcomes], bool)
    order = np.argsort(-scores)
    scores, hits = scores[order], hits[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)[: len(scores)])  # of the boxes with equal scores
    found = np.cumsum(hits)[last]
    precision = found / (last + 1)
    recall = found / faces if faces else np.full(len(last), np.nan)
    return Curve(precision, recall, scores[last], area(precision, recall, faces), faces, outcomes)


def concatenated(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    """All arrays one after the other, also where there are none."""
    return np.concatenate([np.empty(0, dtype), *arrays])


def judge(found: Detections, truth: Truth, overlap: float) -> Outcome:
    """One picture. Which face a box takes does not hang on the other boxes, so no box has to wait for another."""
    face, iou = most_overlapped(found.boxes, truth.boxes)
    takes = iou >= overlap
    ignored = takes & np.append(truth.ignored, False)[face]  # the face of -1 is the last one, which is not ignored

    # The first box of each face is the hit. Among equal scores it is the one that fits best.
    candidates = np.flatnonzero(takes & ~ignored)
    candidates = candidates[np.lexsort((-iou[candidates], -found.scores[candidates]))]
    faces, first = np.unique(face[candidates], return_index=True)
    hits = np.zeros(len(face), bool)
    hits[candidates[first]] = True
    missed = ~truth.ignored
    missed[faces] = False
    alarms = ~(hits | ignored)
    return Outcome(found, truth, hits, alarms, ignored, face, iou, alarms & takes, missed)


def most_overlapped(boxes: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each box, the face with the highest IoU (the first of several, -1 for none at all), and this IoU."""
    if not len(faces):
        return np.full(len(boxes), -1), np.zeros(len(boxes))
    overlaps = intersections_over_unions(boxes, faces)
    face = overlaps.argmax(axis=1)
    highest = overlaps[np.arange(len(boxes)), face]
    return np.where(highest > 0, face, -1), highest


def intersections_over_unions(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(m, 4), (n, 4) -> (m, n) in float64, apart from the kernels on purpose: it judges what they find."""
    x1, y1, x2, y2 = a.astype(np.float64).T[..., np.newaxis]
    u1, v1, u2, v2 = b.astype(np.float64).T
    width = np.minimum(x2, u2) - np.maximum(x1, u1)
    height = np.minimum(y2, v2) - np.maximum(y1, v1)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def area(precision: np.ndarray, recall: np.ndarray, faces: int) -> float:
    """Average precision: the area under the precision envelope, over all points of the curve."""
    if not faces:
        return float("nan")
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.diff(recall, prepend=0) @ envelope)


def ignored_below(truth: Truth, size: float) -> Truth:
    """The truth in which faces with sqrt(width * height) < size pixels are ignored too."""
    return truth.ignoring(sizes(truth.boxes) < size)


def sizes(boxes: np.ndarray) -> np.ndarray:
    """sqrt(width * height) of each box."""
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return np.sqrt(width * height)


def subsets(truths: Sequence[Truth], names: Sequence[str] = (), folder: Path | None = None) -> dict[str, list[Truth]]:
    """The truth of each subset of the faces, by name: in it all other faces are ignored.

    Where the folder holds the toolbox's lists (wider_easy_val.mat, wider_medium_val.mat and wider_hard_val.mat), these
    alone say which faces count: easy, medium and hard go by how often EdgeBox proposals hit such faces. names are then
    the pictures' paths as WIDER FACE has them, such as "0--Parade/0_Parade_Parade_0_205.jpg". Without the lists it
    goes by height in pixels of the pictures as they are, the paper's three scales: large (300 and more), medium (50 to
    300) and small (10 to 50).
    """
    paths = {name: folder / f"wider_{name}_val.mat" for name in LISTS} if folder else {}
    if paths and all(path.exists() for path in paths.values()):
        return {name: listed(truths, names, path) for name, path in paths.items()}
    heights = [truth.boxes[:, 3] - truth.boxes[:, 1] for truth in truths]
    return {
        name: [truth.ignoring((h < low) | (h >= high)) for truth, h in zip(truths, heights, strict=True)]
        for name, (low, high) in SCALES.items()
    }


def listed(truths: Sequence[Truth], names: Sequence[str], path: Path) -> list[Truth]:
    """The truth by a list of the toolbox: for each picture it has all boxes, and the numbers of those that count.

    Raises DataError for a list that is none, and for one of other faces.
    """
    counted = read_list(path)
    chosen = []
    for name, truth in zip(names, truths, strict=True):
        number = len(truth.boxes)
        counts = counted.get(name.removesuffix(".jpg"), np.zeros(number, bool))  # of pictures not in the list none does
        if len(counts) != number:
            raise DataError(f"{path}: {len(counts)} faces in {name} found, {number} expected")
        chosen.append(Truth(truth.boxes, ~counts))
    return chosen


def read_list(path: Path) -> dict[str, np.ndarray]:
    """For each picture of a list, by its name, which of its faces with an area count, bool (n,). Raises DataError."""
    file = read_matlab(path)
    counted = {}
    try:
        events = zip(*(file[key] for key in ("event_list", "file_list", "face_bbx_list", "gt_list")), strict=True)
        for event, pictures, corners, faces in events:
            for picture, boxes, numbers in zip(pictures, corners, faces, strict=True):
                counts = np.zeros(len(boxes), bool)
                chosen = np.asarray(numbers, int).ravel()
                if chosen.size and not 1 <= chosen.min() <= chosen.max() <= len(boxes):
                    raise ValueError(f"faces {chosen.min()} to {chosen.max()} of {len(boxes)}")
                counts[chosen - 1] = True
                solid = (boxes[:, 2:] > 0).all(axis=1)  # x y w h: one without area is no face, as in apps.faces.wider
                counted[f"{event}/{picture}"] = counts[solid]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: {error} found, a list of events, pictures and faces expected") from error
    return counted
