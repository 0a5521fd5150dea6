"""The figures show what was found, and what the curves and the log say."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from apps.faces.evaluation import Detections, Outcome, Truth, evaluate
from apps.faces.figures import (
    ANNOTATED,
    SCORES,
    draw,
    false_alarms,
    learning_curve,
    missed_faces,
    precision_recall,
    size_histogram,
    worst_misses,
)
from apps.figures import INK
from tests.helpers.programs import python


def boxes(*corners) -> np.ndarray:
    return np.array(corners, np.float32).reshape(-1, 4)


def colour(name: str) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in to_rgb(name))


def colours_of(image: Image.Image) -> set[tuple[int, ...]]:
    return {pixel for _, pixel in image.getcolors(image.width * image.height)}


def grey(height: int, width: int, level: int = 128) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def test_a_box_is_drawn_around_its_pixels_and_hides_only_the_outermost():
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    image = np.asarray(draw(picture, boxes((20, 10, 50, 40))))
    np.testing.assert_array_equal(image[11:39, 21:49], picture[11:39, 21:49])
    assert (image[10, 20:50] == colour(INK)).all()
    assert (image[9, 19:51] == colour(ANNOTATED)).all()
    assert (image[8, 18:52] == colour(INK)).all()
    outside = np.ones(image.shape[:2], bool)
    outside[8:42, 18:52] = False
    np.testing.assert_array_equal(image[outside], picture[outside])


@pytest.mark.parametrize("level", [0, 64, 128, 192, 255])
def test_every_box_differs_from_any_ground(level):
    """Either its line or its edge is far from the grey around it."""
    for score in np.linspace(0, 1, 11, dtype=np.float32):
        image = draw(grey(60, 60, level), boxes((20, 20, 40, 40)), np.array([score]))
        difference = max(abs(np.mean(pixel) - level) for pixel in colours_of(image))
        assert difference > 60


def test_lines_are_wider_in_large_pictures_and_thin_around_small_boxes():
    def line(side: int, size: int) -> int:
        image = np.asarray(draw(grey(side, side), boxes((100, 100, 100 + size, 100 + size))))
        return int((image[100 + size // 2, : 100 + size // 2] == colour(ANNOTATED)).all(axis=1).sum())

    assert line(256, 64) == 1
    assert line(1600, 300) > line(800, 300) > line(256, 64)
    assert line(1600, 12) == 1


def test_the_colour_says_the_score():
    for score in (0.0, 0.3, 1.0):
        image = draw(grey(60, 60), boxes((10, 10, 30, 30)), np.array([score]))
        assert colour(to_hex(SCORES(score))) in colours_of(image)


def test_higher_scores_are_drawn_over_lower_ones():
    corners, scores = boxes((10, 10, 30, 30), (10, 10, 30, 30)), np.array([0.9, 0.1])
    found = colours_of(draw(grey(60, 60), corners, scores))
    assert colour(to_hex(SCORES(0.9))) in found
    assert colour(to_hex(SCORES(0.1))) not in found


def label_pixels(image: Image.Image, corners, scores) -> int:
    """How many pixels differ from the picture with the same boxes that are too narrow to be labelled."""
    plain = np.asarray(image).copy()
    for (x1, y1, x2, y2), _ in zip(corners.astype(int), scores, strict=True):
        plain[max(y1 - 3, 0) : y2 + 3, max(x1 - 3, 0) : x2 + 3] = 128
    return int((plain != 128).any(axis=2).sum())


@pytest.mark.parametrize(
    ("corners", "labels"),
    [
        (boxes((50, 50, 150, 150)), True),
        (boxes((50, 50, 60, 150)), False),  # too narrow
        (boxes((50, 0, 150, 150)), True),  # no room above, but below
        (boxes((50, 0, 150, 200)), False),  # as high as the picture
        (boxes((50, 60, 150, 140), (40, 30, 160, 57), (40, 143, 160, 170)), True),  # the others have room
        (boxes((90, 60, 150, 140), (0, 0, 200, 200)), False),  # would hide another box
    ],
)
def test_the_score_is_written_where_there_is_room(corners, labels):
    scores = np.linspace(0.9, 0.5, len(corners))
    assert (label_pixels(draw(grey(200, 200), corners, scores), corners, scores) > 0) == labels


@given(
    corners=arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats(-50, 150, width=32)),
    size=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    scored=st.booleans(),
)
def test_any_box_can_be_drawn_also_across_the_edge(corners, size, scored):
    corners = np.hstack([np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])])
    picture = grey(*size)
    image = draw(picture, corners, np.linspace(0, 1, len(corners)) if scored else None)
    assert image.size == size[::-1]
    assert (picture == 128).all()
    assert (np.asarray(image) != 128).any() == (len(corners) > 0)


def album() -> tuple[list[Outcome], list[SimpleNamespace]]:
    """Two pictures: three missed faces, one of them ignored; four false alarms, one of which is a second box."""
    truths = [
        Truth(boxes((10, 10, 30, 30), (50, 10, 90, 50), (10, 60, 20, 70)), np.array([False, False, True])),
        Truth(boxes((5, 5, 45, 45), (60, 60, 70, 70)), np.zeros(2, bool)),
    ]
    detections = [
        Detections(boxes((50, 10, 90, 28), (0, 0, 5, 5)), np.float32([0.6, 0.8])),
        Detections(boxes((5, 5, 45, 45), (5, 5, 45, 44), (80, 80, 99, 99)), np.float32([0.9, 0.7, 0.2])),
    ]
    pictures = [SimpleNamespace(picture=grey(100, 120), name=f"0--Parade/picture_{i}") for i in range(2)]
    return evaluate(detections, truths).outcomes, pictures


def test_the_sheet_has_the_largest_misses_and_the_surest_false_alarms():
    outcomes, _ = album()
    missed, alarms = missed_faces(outcomes), false_alarms(outcomes)
    assert missed.headline == "3 of 4 faces missed: the largest first"
    assert [subject.caption for subject in missed.subjects] == ["40 px, IoU 0.45", "20 px, no box", "10 px, no box"]
    assert [subject.picture for subject in missed.subjects] == [0, 0, 1]
    np.testing.assert_array_equal(missed.subjects[0].box, (50, 10, 90, 50))
    assert alarms.headline == "4 of 5 boxes are false alarms: the most confident first"
    assert [subject.caption for subject in alarms.subjects] == [
        "0.80, 5 px, no face",
        "0.70, 39 px, second box",
        "0.60, 27 px, IoU 0.45",
        "0.20, 19 px, no face",
    ]


def test_each_crop_has_its_box_in_the_middle_of_its_picture(drawn, tmp_path):
    outcomes, pictures = album()
    worst_misses(pictures, outcomes, tmp_path / "sheet.png")
    (figure,) = drawn
    assert len(figure.axes) == 7
    axes = figure.axes[0]
    assert axes.get_title() == "40 px, IoU 0.45"
    assert axes.get_xlabel() == "picture_0"
    (low, high), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert (low, high) == pytest.approx((22, 118))
    assert bottom - top == pytest.approx(96)
    assert axes.patches[-1].get_bbox().bounds == (50, 10, 40, 40)


def test_pictures_that_are_not_shown_are_not_read(tmp_path):
    outcomes, pictures = album()
    perfect = evaluate([Detections(boxes((1, 1, 9, 9)), np.ones(1))], [Truth(boxes((1, 1, 9, 9)), np.zeros(1, bool))])
    worst_misses(dict(enumerate(pictures)), [*outcomes, *perfect.outcomes], tmp_path / "sheet.png")


def test_a_sheet_without_mistakes_says_so(drawn, tmp_path):
    perfect = evaluate([Detections(boxes((1, 1, 9, 9)), np.ones(1))], [Truth(boxes((1, 1, 9, 9)), np.zeros(1, bool))])
    worst_misses([], perfect.outcomes, tmp_path / "sheet.png")
    said = [text.get_text() for text in drawn[0].texts]
    assert said[:2] == ["0 of 1 faces missed", "Not a single face was missed."]
    assert said[2:4] == ["0 of 1 boxes are false alarms", "Not a single false alarm."]


def test_at_most_24_of_each_are_shown():
    n = 30
    corners = np.arange(n, dtype=np.float32)[:, np.newaxis] * 100 + np.float32([0, 0, 10, 10])
    truth, found = Truth(corners, np.zeros(n, bool)), Detections(corners + 50, np.linspace(0, 1, n))
    outcomes = evaluate([found], [truth]).outcomes
    assert len(missed_faces(outcomes).subjects) == len(false_alarms(outcomes).subjects) == 24
    assert false_alarms(outcomes).subjects[0].caption.startswith("1.00")


def some_curves():
    truth = Truth(boxes((0, 0, 9, 9), (20, 0, 29, 9)), np.zeros(2, bool))
    half = Detections(boxes((0, 0, 9, 9), (50, 50, 59, 59)), np.float32([0.9, 0.4]))
    whole = Detections(truth.boxes, np.float32([0.9, 0.4]))
    nothing = Truth(truth.boxes, np.ones(2, bool))
    none = Detections(boxes(), np.zeros(0, np.float32))
    return {
        "half": evaluate([half], [truth]),
        "none": evaluate([none], [truth]),
        "whole": evaluate([whole], [truth]),
        "empty": evaluate([whole], [nothing]),
    }


def test_curves_of_precision_are_ranked_by_their_area(drawn, tmp_path):
    precision_recall(some_curves(), tmp_path / "curve.png", "a title")
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "whole (2): AP 1.000",
        "half (2): AP 0.500",
        "none (2): AP 0.000",
        "empty: no faces",
    ]
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), [(0, 1), (0.5, 1), (0.5, 0.5)])
    assert drawn[0].get_suptitle() == "a title"


def test_a_curve_keeps_its_colour_whatever_its_rank(drawn, tmp_path):
    found = some_curves()
    precision_recall(found, tmp_path / "a.png", "")
    precision_recall({"half": found["half"], "none": found["none"]}, tmp_path / "b.png", "")
    assert drawn[0].axes[0].lines[1].get_color() == drawn[1].axes[0].lines[0].get_color()


def test_the_learning_curve_shows_both_average_precisions(drawn, tmp_path):
    records = [{"iteration": i, "loss": 2 / i} for i in range(1, 21)]
    for record in records[4::5]:
        record |= {"validation_ap": 0.4, "validation_ap_16": 0.6}
    learning_curve(records, tmp_path / "curve.png", "a title")
    axes, loss_axes = drawn[0].axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "all faces, 40.00 % at the end",
        "16 pixels and more, 60.00 % at the end",
    ]
    assert len(loss_axes.lines[0].get_xydata()) == 20


def test_the_histogram_has_the_share_of_each_half_octave(drawn, tmp_path):
    corners = boxes(*[(0, 0, width, height) for width, height in ((4, 4), (5, 5), (2, 32), (16, 16), (0, 5))])
    size_histogram(corners, tmp_path / "sizes.png", "a title")
    (axes,) = drawn[0].axes
    data = axes.patches[0].get_data()
    assert dict(zip(2.0 ** data.edges[:-1], data.values, strict=True)) == pytest.approx(
        {2**2: 0.5, 2**2.5: 0, 2**3: 0.25, 2**3.5: 0, 2**4: 0.25, 2**4.5: 0}
        | dict.fromkeys((2**5, 2**5.5, 2**6, 2**6.5), 0)
    )
    assert axes.get_legend().get_texts()[0].get_text() == "4 faces, half of them below 6 pixels"


def test_several_sets_are_told_apart_and_an_empty_one_is_drawn_too(drawn, tmp_path):
    size_histogram({"training": boxes((0, 0, 9, 9)), "validation": boxes()}, tmp_path / "sizes.png", "")
    texts = [text.get_text() for text in drawn[0].axes[0].get_legend().get_texts()]
    assert texts == ["training: 1 faces, half of them below 9 pixels", "validation: 0 faces"]


def test_the_same_figures_are_the_same_bytes(tmp_path):
    outcomes, pictures = album()
    for name in "ab":
        worst_misses(pictures, outcomes, tmp_path / f"sheet-{name}.png")
        precision_recall(some_curves(), tmp_path / f"curve-{name}.png", "twice")
    for name in ("sheet", "curve"):
        assert (tmp_path / f"{name}-a.png").read_bytes() == (tmp_path / f"{name}-b.png").read_bytes()


def test_no_display_is_needed():
    code = "import sys, apps.faces.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert python("-c", code).returncode == 0
