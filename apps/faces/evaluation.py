"""How well faces were found: each box is a hit, a false alarm or counts for nothing, as WIDER FACE counts.

Source: Yang et al. (2016), "WIDER FACE: A Face Detection Benchmark", and its evaluation toolbox.

A box takes the face that it overlaps most, among all faces of its picture, ignored ones too. If their IoU is less than
1/2 it is a false alarm. Else it counts for nothing if that face is ignored; it is a hit if no box with a higher
score has that face already, and a false alarm if one has. Average precision is the area under the precision envelope:
at each recall the best precision that is reached there or further on, as in PASCAL VOC since 2010.

`evaluate(..., thresholds=1000)` counts as the toolbox does. Where nothing is said it differs from it:
- The toolbox counts at 1000 evenly spaced thresholds after stretching all scores to [0, 1]; here every score is a
  threshold, so that only the order of the scores matters. Boxes with equal scores come in together.
- It gives each box a pixel more in width and height; here a box is as wide as x2 - x1, as everywhere in this project.
- It passes over pictures that have no faces at all; here what is found in them are false alarms.

Two oddities of the toolbox are not kept. It divides by zero where no box is above a threshold, and MATLAB's max passes
over the NaN; here such thresholds are left out of the curve, which has the same area. And it finds nothing at all where
all scores are equal; here they are then all stretched to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

# What the toolbox adds to the width and the height of a box.
PIXEL = 1.0


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

    Every score of a hit or a false alarm is a threshold, once; or, counted as the toolbox counts, those are of its own
    in [0, 1] that a stretched score reaches. Where no face counts, recall and ap are NaN: there was nothing to measure,
    which is neither good nor bad. Where there are faces and nothing was found, ap is 0.
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


def evaluate(
    detections: Sequence[Detections], truths: Sequence[Truth], overlap: float = 0.5, thresholds: int | None = None
) -> Curve:
    """All pictures together: the curve of precision against recall, and what became of each box and face.

    thresholds: every score where None is given; else so many, counted as the toolbox does, which takes 1000. In a
    picture without any face all boxes then count for nothing.
    """
    if len(detections) != len(truths):
        raise ValueError(f"evaluate: detections of {len(detections)} pictures and the truth of {len(truths)}")
    if not overlap > 0:
        raise ValueError(f"evaluate: overlap {overlap} found, more than 0 expected")
    if thresholds is not None and thresholds < 1:
        raise ValueError(f"evaluate: {thresholds} thresholds found, at least 1 expected")
    as_toolbox = thresholds is not None
    pairs = zip(detections, truths, strict=True)
    outcomes = [judge(found, truth, overlap, PIXEL if as_toolbox else 0.0) for found, truth in pairs]
    if as_toolbox:
        outcomes = [outcome if len(outcome.truth.boxes) else passed_over(outcome) for outcome in outcomes]
    faces = sum(int(np.count_nonzero(~truth.ignored)) for truth in truths)

    scores = concatenated([outcome.detections.scores[~outcome.ignored] for outcome in outcomes], np.float32)
    hits = concatenated([outcome.hits[~outcome.ignored] for outcome in outcomes], bool)
    if thresholds is None:
        levels = np.unique(scores)[::-1]
    else:
        scores = stretched(scores, concatenated([found.scores for found in detections], np.float32))
        levels = 1 - np.arange(1, thresholds + 1) / thresholds
    order = np.argsort(-scores)
    counted = np.searchsorted(-scores[order], -levels, side="right")  # the boxes whose score is at least the level
    levels, counted = levels[counted > 0], counted[counted > 0]
    found = np.cumsum(hits[order])[counted - 1]
    precision = found / counted
    recall = found / faces if faces else np.full(len(counted), np.nan)
    return Curve(precision, recall, levels, area(precision, recall, faces), faces, outcomes)


def stretched(scores: np.ndarray, everything: np.ndarray) -> np.ndarray:
    """The scores, float64, such that everything would be from 0 to 1."""
    if not scores.size:
        return scores.astype(np.float64)
    low, high = float(everything.min()), float(everything.max())
    return (scores.astype(np.float64) - low) / (high - low) if high > low else np.ones(len(scores))


def concatenated(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    """All arrays one after the other, also where there are none."""
    return np.concatenate([np.empty(0, dtype), *arrays])


def judge(found: Detections, truth: Truth, overlap: float, wider: float = 0.0) -> Outcome:
    """One picture. Which face a box takes does not hang on the other boxes, so no box has to wait for another.

    wider: pixels that are added to the width and the height of all boxes.
    """
    grown = np.array([0, 0, wider, wider])
    face, iou = most_overlapped(found.boxes + grown, truth.boxes + grown)
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


def passed_over(outcome: Outcome) -> Outcome:
    """The outcome of a picture of which no box counts."""
    none, every = np.zeros(len(outcome.hits), bool), np.ones(len(outcome.hits), bool)
    return replace(outcome, hits=none, false_alarms=none, ignored=every, repeated=none)


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


@dataclass(frozen=True)
class Choice:
    """What a user gets who sees the boxes whose score is at least this threshold.

    recall: the share of the faces that are found, NaN where none counts; false_boxes: how many false alarms there are
    in a picture, NaN where there is none.
    """

    threshold: float
    recall: float
    false_boxes: float


def at_threshold(curve: Curve, threshold: float) -> Choice:
    """What the boxes with at least this score are worth, of a curve of which every score is a threshold."""

    def count(masks: Sequence[np.ndarray]) -> int:
        shown = (mask & (o.detections.scores >= threshold) for mask, o in zip(masks, curve.outcomes, strict=True))
        return sum(int(np.count_nonzero(mask)) for mask in shown)

    hits, alarms = count([o.hits for o in curve.outcomes]), count([o.false_alarms for o in curve.outcomes])
    return Choice(
        threshold,
        hits / curve.faces if curve.faces else float("nan"),
        alarms / len(curve.outcomes) if curve.outcomes else float("nan"),
    )


def choose_threshold(curve: Curve, most: float) -> Choice:
    """The smallest score that as a threshold leaves at most so many false boxes a picture, and what it is worth.

    Of a curve of which every score is a threshold. Where the best of all boxes are false already, the threshold is
    above all scores; where nothing was found it is 0.
    """
    if not curve.thresholds.size:
        return at_threshold(curve, 0.0)
    alarms = np.sort(concatenated([o.detections.scores[o.false_alarms] for o in curve.outcomes], np.float32))
    above = len(alarms) - np.searchsorted(alarms, curve.thresholds, side="left")
    allowed = curve.thresholds[above <= most * len(curve.outcomes)]
    highest = np.float32(curve.thresholds[0])
    return at_threshold(curve, float(allowed[-1] if allowed.size else np.nextafter(highest, np.float32(np.inf))))
