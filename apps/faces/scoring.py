"""How well a detector finds the faces of pictures held out: as they are stored, and as large as people have them."""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from apps.errors import DataError
from apps.faces.detector import THRESHOLD, Detector
from apps.faces.enlarging import LARGE, SIZES, enlarged_shape
from apps.faces.evaluation import Curve, Detections, Outcome, Truth, at_threshold, evaluate, ignored_below
from apps.faces.examples import Example, Examples
from apps.faces.lists import Lists, by_height
from apps.faces.wider import Wider
from framework import Model
from framework.ranks import Ranks

# The least score that counts when average precision is measured: nearly all, for the tail of the curve.
EVERYTHING = 0.02


@dataclass(frozen=True)
class Looked:
    """What a detector found in pictures, and what it should have: a list each, in their order.

    kept: of the faces that are written about a picture, which have a box in its truth, bool (m,); seconds: of a look.
    """

    found: list[Detections] = field(default_factory=list)
    truths: list[Truth] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kept: list[np.ndarray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, detector: Detector, example: Example) -> None:
        started = time.perf_counter()
        self.found.append(detector(example.picture))
        self.seconds.append(time.perf_counter() - started)
        self.truths.append(Truth(example.boxes, example.invalid))
        self.names.append(example.name)
        self.kept.append(np.ones(len(example.boxes), bool) if example.kept is None else example.kept)

    def of_all(self, ranks: Ranks) -> "Looked":
        """What all ranks found, rank by rank."""
        no_boxes, no_scores = np.empty((0, 4), np.float32), np.empty(0, np.float32)
        boxes = ranks.join_each([each.boxes for each in self.found], no_boxes)
        scores = ranks.join_each([each.scores for each in self.found], no_scores)
        faces = ranks.join_each([truth.boxes for truth in self.truths], no_boxes)
        ignored = ranks.join_each([truth.ignored for truth in self.truths], no_scores.astype(bool))
        return Looked(
            [Detections(*each) for each in zip(boxes, scores, strict=True)],
            [Truth(*each) for each in zip(faces, ignored, strict=True)],
            [name for each in ranks.gather(self.names) for name in each],
            ranks.join_each(self.kept, no_scores.astype(bool)),
            [seconds for each in ranks.gather(self.seconds) for seconds in each],
        )


@dataclass(frozen=True)
class Score:
    """Average precision at IoU 0.5: all valid faces, and those of 16 pixels and more. And which examples it was."""

    all_faces: Curve
    from_16: Curve
    examples: Examples
    looked: Looked

    @property
    def names(self) -> list[str]:
        return self.looked.names

    @property
    def metrics(self) -> dict[str, float]:
        """ap and ap_16, and false_boxes: how many a picture has at the threshold from which boxes are shown."""
        false_boxes = at_threshold(self.all_faces, THRESHOLD).false_boxes
        return {"ap": self.all_faces.ap, "ap_16": self.from_16.ap, "false_boxes": false_boxes}

    @property
    def seconds(self) -> float:
        """What looking at a picture took: the median, in which a program that was built for its size does not count."""
        return float(np.median(self.looked.seconds))

    def curves(self, lists: Lists | None = None, thresholds: int | None = None) -> dict[str, Curve]:
        """By name: of all faces, and of parts of them, by the lists or else by height; see `evaluate` for thresholds.

        Pictures that are not in the lists are left out of the parts. Raises DataError for lists that do not fit.
        """
        found, truths = self.looked.found, self.looked.truths
        curves = {"all faces": self.all_faces, "16 pixels and more": self.from_16}
        if thresholds is not None:
            curves = {name: evaluate(found, truths_of(curve), thresholds=thresholds) for name, curve in curves.items()}
        if lists is None:
            parts = by_height(truths)
        else:
            known = np.flatnonzero(lists.known(self.names))
            found, truths = [found[i] for i in known], [truths[i] for i in known]
            parts = lists.truths(truths, [self.names[i] for i in known], [self.looked.kept[i] for i in known])
        return curves | {name: evaluate(found, part, thresholds=thresholds) for name, part in parts.items()}

    def shown(self) -> list[Outcome]:
        """What becomes of the boxes that a user gets to see, and of faces of 16 pixels and more, for each example."""
        outcomes = self.from_16.outcomes
        found = [outcome.detections.above(THRESHOLD) for outcome in outcomes]
        return evaluate(found, truths_of(self.from_16)).outcomes


def truths_of(curve: Curve) -> list[Truth]:
    return [outcome.truth for outcome in curve.outcomes]


def score(
    model: Model,
    examples: Examples,
    progress: Callable = iter,
    ranks: Ranks | None = None,
    shown: Callable[[Example], Example | None] = lambda example: example,
    **look: Any,
) -> Score:
    """Detect in every example and compare with the truth: in one pass at its stored size, unless other is asked for.

    shown   makes of an example what the detector is shown, or None, and then it is left out
    look    how the detector looks: its `longest` and `scales`

    Several ranks each look at a share, and then all know all. Raises DataError where no picture is readable.
    """
    ranks = ranks or Ranks()
    detector, looked = Detector(model, threshold=EVERYTHING, **look), Looked()
    mine = examples if ranks.size == 1 else share_of(examples, ranks)
    read = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a look at")  # that the least likely are left out, which nobody is shown
        for example in progress(mine):
            read += 1
            if view := shown(example):
                looked.add(detector, view)
    if ranks.size > 1:
        looked, read = looked.of_all(ranks), sum(ranks.gather(read))
    if isinstance(examples, Wider) and isinstance(mine, Wider):
        examples.broken.update(Path(path) for each in ranks.gather([str(p) for p in mine.broken]) for path in each)
    if not read:
        raise DataError(f"validation: none of {len(examples)} pictures is readable, at least one expected")
    from_16 = evaluate(looked.found, [ignored_below(t, 16) for t in looked.truths])
    seen = examples.readable() if isinstance(examples, Wider) else examples
    return Score(evaluate(looked.found, looked.truths), from_16, seen, looked)


def score_enlarged(
    model: Model, examples: Examples, progress: Callable = iter, ranks: Ranks | None = None, **look: Any
) -> dict[str, float]:
    """Scores at the sizes that people have, by name: see apps/faces/enlarging.py.

    ap, ap_16 and false_boxes of the photographs 1.5 and 2 times as large, where 16 pixels are those of the picture that
    is shown; and found_large, the share of faces of 300 pixels and more that are found at the threshold from which
    boxes are shown, in pictures around such faces, with their false_boxes. What there are no faces for is left out.
    """
    metrics: dict[str, float] = {}
    for name, shown in SIZES.items():
        result = score(model, examples, progress, ranks, shown, **look)
        found = result.metrics
        if name == "large":
            large = [ignored_below(truth, LARGE[0]) for truth in result.looked.truths]
            recall = at_threshold(evaluate(result.looked.found, large), THRESHOLD).recall
            found = {"found": recall, "false_boxes": found["false_boxes"]}
        metrics |= {f"{metric}_{name}": value for metric, value in found.items() if not np.isnan(value)}
    return metrics


def measured(model: Model, examples: Examples, ranks: Ranks | None = None, all_sizes: bool = True) -> dict[str, float]:
    """What a training run logs of the examples held out: the scores as they are stored, and of all sizes, if asked."""
    metrics = score(model, examples, ranks=ranks).metrics
    return metrics | score_enlarged(model, examples, ranks=ranks) if all_sizes else metrics


def shapes_shown(examples: Examples) -> set[tuple[int, int]]:
    """Heights and widths of all that a detector is shown when examples are scored in all sizes."""
    stored = examples.shapes()
    return stored | {enlarged_shape(name, *shape) for name in SIZES for shape in stored}


@dataclass(frozen=True)
class Part:
    """Some of the examples, by their numbers."""

    examples: Examples
    numbers: range

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Example:
        return self.examples[self.numbers[index]]

    def __iter__(self) -> Iterator[Example]:
        return (self.examples[number] for number in self.numbers)

    def shapes(self) -> set[tuple[int, int]]:
        return self.examples.shapes()


def share_of(examples: Examples, ranks: Ranks) -> Examples:
    """This rank's of the examples."""
    mine = ranks.share(len(examples))
    if isinstance(examples, Wider):
        return Wider(examples.photographs[mine.start : mine.stop])
    return Part(examples, mine)
