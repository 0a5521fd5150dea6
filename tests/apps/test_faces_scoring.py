"""Scores on the pictures held out: of what is stored and of what is enlarged, by one process and by several."""

import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from apps.errors import DataError
from apps.faces import scoring
from apps.faces.detector import THRESHOLD
from apps.faces.evaluation import Detections
from apps.faces.examples import Example
from apps.faces.lists import find_lists
from apps.faces.scoring import measured, score, score_enlarged, shapes_shown
from apps.faces.wider import Wider, read_wider
from tests.helpers.ranks import together
from tests.helpers.wider_face import face, write_split
from tests.helpers.wider_lists import write_lists

SURE, UNSURE = 0.9, THRESHOLD / 2


class Pictures(list):
    """Examples that are at hand."""

    def shapes(self):
        return {example.picture.shape[:2] for example in self}


@dataclass
class Finder:
    """In place of a detector: finds the white square of a picture, and is sure of one of at least so many pixels.

    Where there is none it finds the upper left corner, of 9 pixels.
    """

    sure_from: float
    seen: list = field(default_factory=list)
    looks: list = field(default_factory=list)

    def __call__(self, model, threshold, **look):
        self.looks.append(look)
        return self.look

    def look(self, picture):
        self.seen.append(picture.shape[:2])
        bright = picture.min(axis=2) > 127
        if not bright.any():
            return self.found(np.array([[0, 0, 9, 9]], np.float32))
        rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
        box = np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], np.float32)
        return self.found(box)

    def found(self, box):
        sure = max(box[0, 2:] - box[0, :2]) >= self.sure_from
        return Detections(box, np.array([SURE if sure else UNSURE], np.float32))


@pytest.fixture
def find(monkeypatch):
    """Puts a finder in the place of the detector."""

    def find(sure_from=0.0):
        finder = Finder(sure_from)
        monkeypatch.setattr(scoring, "Detector", finder)
        return finder

    return find


def painted(side: int, name: str = "painted", shape: tuple[int, int] = (200, 300)) -> Example:
    """A white face in a black picture, or none."""
    picture = np.zeros((*shape, 3), np.uint8)
    picture[20 : 20 + side, 40 : 40 + side] = 255
    boxes = np.array([(40, 20, 40 + side, 20 + side)], np.float32)[: min(side, 1)]
    return Example(picture, boxes, np.zeros(len(boxes), bool), name)


def test_what_is_stored_is_scored_as_it_is(find):
    """Two faces, one of 10 pixels, and a picture without any, in which there is a false box."""
    finder = find()
    result = score(None, Pictures([painted(40), painted(10), painted(0)]))
    assert finder.seen == [(200, 300)] * 3
    assert finder.looks == [{}]
    assert result.metrics == {"ap": pytest.approx(2 / 3), "ap_16": pytest.approx(1 / 2), "false_boxes": 1 / 3}
    assert (result.all_faces.faces, result.from_16.faces) == (2, 1)
    assert list(result.curves()) == ["all faces", "16 pixels and more", "large", "medium", "small"]
    assert result.curves(thresholds=1000)["all faces"].ap == 1  # the toolbox passes over pictures without a face
    assert result.metrics["ap"] < 1


def test_boxes_that_are_not_shown_are_no_false_boxes(find):
    find(sure_from=30)
    result = score(None, Pictures([painted(20), painted(0)]))
    assert result.metrics["false_boxes"] == 0
    assert [len(outcome.detections.scores) for outcome in result.shown()] == [0, 0]
    assert result.metrics["ap"] == 1 / 2  # where all come in that are not shown either, both do


def test_how_the_detector_looks_is_passed_on(find):
    finder = find()
    score(None, Pictures([painted(20)]), longest=640, scales=(1.0,))
    score_enlarged(None, Pictures([painted(20)]), scales="auto")
    assert finder.looks == [{"longest": 640, "scales": (1.0,)}, *[{"scales": "auto"}] * 3]


def test_the_detector_is_shown_enlarged_pictures(find):
    finder = find()
    examples = Pictures([painted(100, f"{i}") for i in range(8)] + [painted(20)])
    metrics = score_enlarged(None, examples)
    assert finder.seen[:9] == [(300, 450)] * 9
    assert finder.seen[9:18] == [(400, 600)] * 9
    close = finder.seen[18:]
    assert len(close) == 8  # one face is too small for it
    assert all(300 < max(shape) <= 1024 for shape in close)
    one = {"ap": 1, "ap_16": 1, "false_boxes": 0}
    enlarged = {f"{name}_{size}": pytest.approx(value) for size in ("1.5x", "2x") for name, value in one.items()}
    assert metrics == {**enlarged, "found_large": 1, "false_boxes_large": 0}


def test_of_large_faces_those_are_found_that_a_user_is_shown(find):
    """The finder is sure from 500 pixels on: of sizes drawn from 300 to 700 that is about half."""
    find(sure_from=500)
    metrics = score_enlarged(None, Pictures([painted(150, f"{i}") for i in range(60)]))
    assert 0.3 < metrics["found_large"] < 0.7
    assert metrics["ap_2x"] == 1


def test_faces_from_16_pixels_are_those_of_the_picture_that_is_shown(find):
    find()
    examples = Pictures([painted(10), painted(40)])
    assert score(None, examples).from_16.faces == 1
    shown = score(None, examples, shown=lambda example: scoring.SIZES["2x"](example))
    assert shown.from_16.faces == 2


def test_what_there_are_no_faces_for_is_not_measured(find):
    find()
    assert score_enlarged(None, Pictures([painted(0)])).keys() == {"false_boxes_1.5x", "false_boxes_2x"}


def test_all_sizes_are_measured_where_that_is_asked_for(find):
    find()
    examples = Pictures([painted(100)])
    stored = measured(None, examples, all_sizes=False)
    assert stored.keys() == {"ap", "ap_16", "false_boxes"}
    assert measured(None, examples) == stored | score_enlarged(None, examples)


def test_shapes_that_are_shown_are_at_least_as_large_as_what_the_detector_sees(find):
    finder = find()
    examples = Pictures([painted(100, shape=(201, 299)), painted(60, "b", shape=(333, 200))])
    measured(None, examples)
    shapes = shapes_shown(examples)
    assert shapes >= {(201, 299), (333, 200), (402, 598), (666, 400)}
    assert all(any(a <= c and b <= d for c, d in shapes) for a, b in finder.seen)


@pytest.mark.parametrize("ranks", [2, 3, 5])
def test_ranks_know_all_that_one_would_find(find, ranks):
    """Some have a share without a large face, and some none at all."""
    find()
    examples = Pictures([painted(side, f"{side}") for side in (100, 10, 0, 12)])
    alone = score(None, examples), measured(None, examples)

    def work(rank):
        return score(None, examples, ranks=rank), measured(None, examples, rank)

    for result, metrics in together(ranks, work):
        assert metrics == alone[1]
        assert result.names == alone[0].names
        assert len(result.looked.seconds) == len(examples)
        for ours, theirs in zip(result.looked.kept, alone[0].looked.kept, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_seconds_are_those_of_looking_and_not_of_reading(find, monkeypatch):
    find()

    def slow():
        for i in range(3):
            time.sleep(0.05)
            yield painted(20 + i)

    examples = Pictures([])
    monkeypatch.setattr(Pictures, "__iter__", lambda self: slow())
    assert score(None, examples).seconds < 0.04


def test_pictures_in_no_list_are_left_out_of_what_the_lists_count(find, tmp_path):
    """The list has two of the three pictures, and of the first only the second face."""
    find()
    names = ["0--Parade/a", "0--Parade/b", "1--Other/c"]
    write_split(tmp_path, "val", {f"{name}.jpg": [face(0, 0, 9, 9), face(20, 10, 9, 9)] for name in names})
    boxes = {name: [[0, 0, 9, 9], [20, 10, 9, 9]] for name in (*names[:2], "1--Other/gone")}
    write_lists(tmp_path, boxes, {"easy": {names[0]: [2]}, "medium": {names[0]: [1, 2]}, "hard": {names[1]: [1]}})
    result = score(None, Wider(read_wider(tmp_path, "val")[0]))
    curves = result.curves(find_lists([tmp_path]), thresholds=10)
    assert {name: curve.faces for name, curve in curves.items()} == {
        "all faces": 6,
        "16 pixels and more": 0,
        "easy": 1,
        "medium": 2,
        "hard": 1,
    }
    assert [len(curve.outcomes) for curve in curves.values()] == [3, 3, 2, 2, 2]


def test_where_no_picture_is_readable_there_is_no_score(find):
    find()
    with pytest.raises(DataError, match="validation: none of 0 pictures is readable, at least one expected"):
        score(None, Pictures([]))
