"""Non-maximum suppression: what must hold of it besides what tests/operations/test_operations.py asks of all."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError
from kernels.operations.nms import operation
from tests.helpers.running import float64_in, trial
from tests.helpers.strategies import trials

every_implementation = pytest.mark.parametrize(
    ("kind", "rung"), [("reference", None), ("cpu", None), ("interpret", 1), ("interpret", 2), ("interpret", 3)]
)
TWO_APART = [[0, 0, 4, 4], [5, 0, 9, 4]]
THREE_IN_A_ROW = [[0, 0, 4, 4], [2, 0, 6, 4], [4, 0, 8, 4]]  # neighbours share a third, the outer ones nothing


def nms(kind, rung, boxes, score=None, **settings):
    """Whether each box of one picture is kept, as a list of 0 and 1. By default the scores are 1."""
    score = np.ones(len(boxes)) if score is None else score
    one = trial("nms", settings, boxes=np.asarray(boxes)[np.newaxis], score=np.asarray(score)[np.newaxis])
    return one.forward(kind, rung=rung)["keep"][0].tolist()


def exact_iou(a, b):
    """Intersection over union of boxes with whole coordinates, counted in pixels and not rounded."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = (map(int, box) for box in (a, b))
    both = max(min(ax2, bx2) - max(ax1, bx1), 0) * max(min(ay2, by2) - max(ay1, by1), 0)
    return Fraction(both, (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both) if both else Fraction(0)


@every_implementation
@given(one=trials(operation))
def test_equals_the_greedy_choice_with_exact_fractions(kind, rung, one):
    overlap, threshold = (Fraction(str(setting)) for setting in one.settings.values())
    keep = one.forward(kind, rung=rung)["keep"]
    for boxes, score, got in zip(one.arrays["boxes"], one.arrays["score"], keep, strict=True):
        left = [k for k in range(len(score)) if score[k] >= threshold]
        kept = []
        while left:  # the best that is left is kept, and all that it overlaps too much go
            best, *rest = left
            kept.append(best)
            left = [k for k in rest if exact_iou(boxes[best], boxes[k]) <= overlap]
        assert np.flatnonzero(got).tolist() == kept
        assert set(got.tolist()) <= {0, 1}


@every_implementation
@given(one=trials(operation))
def test_of_what_is_kept_all_is_kept(kind, rung, one):
    keep = one.forward(kind, rung=rung)["keep"]
    for boxes, score, got in zip(one.arrays["boxes"], one.arrays["score"], keep.astype(bool), strict=True):
        if got.any():
            assert all(nms(kind, rung, boxes[got], score[got], **one.settings))


@every_implementation
@given(one=trials(operation))
def test_moving_doubling_and_mirroring_the_picture_changes_no_choice(kind, rung, one):
    boxes, keep = one.arrays["boxes"], one.forward(kind, rung=rung)["keep"]
    mirrored = np.ascontiguousarray(100 - boxes[..., [2, 1, 0, 3]]) * [1, -1, 1, -1] + [0, 100, 0, 100]
    transposed = boxes[..., [1, 0, 3, 2]]
    for changed in (boxes + np.float32([300, -40, 300, -40]), 2 * boxes, mirrored, transposed):
        one.arrays["boxes"] = np.ascontiguousarray(changed, np.float32)
        np.testing.assert_array_equal(one.forward(kind, rung=rung)["keep"], keep)


@every_implementation
@given(one=trials(operation))
def test_pictures_do_not_look_at_each_other(kind, rung, one):
    keep = one.forward(kind, rung=rung)["keep"]
    for boxes, score, together in zip(one.arrays["boxes"], one.arrays["score"], keep, strict=True):
        assert nms(kind, rung, boxes, score, **one.settings) == together.tolist()


@every_implementation
@given(one=trials(operation), data=st.data())
def test_boxes_added_at_the_end_change_nothing_before_them(kind, rung, one, data):
    keep = one.forward(kind, rung=rung)["keep"]
    K = data.draw(st.integers(1, keep.shape[1]))
    for boxes, score, whole in zip(one.arrays["boxes"], one.arrays["score"], keep, strict=True):
        assert nms(kind, rung, boxes[:K], score[:K], **one.settings) == whole[:K].tolist()


@every_implementation
def test_of_equal_boxes_the_first_is_kept(kind, rung):
    assert nms(kind, rung, [[1, 2, 3, 4]] * 70) == [1] + [0] * 69


@every_implementation
def test_boxes_apart_are_all_kept(kind, rung):
    assert nms(kind, rung, TWO_APART, overlap=0.0) == [1, 1]


@every_implementation
def test_a_box_that_is_struck_out_strikes_nobody(kind, rung):
    assert nms(kind, rung, THREE_IN_A_ROW, overlap=0.25) == [1, 0, 1]


@every_implementation
def test_an_overlap_of_exactly_the_limit_is_allowed(kind, rung):
    halves = [[0, 0, 4, 4], [0, 0, 4, 2]]
    assert nms(kind, rung, halves, overlap=0.5) == [1, 1]
    assert nms(kind, rung, halves, overlap=0.49) == [1, 0]


@every_implementation
@pytest.mark.parametrize("limit", [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
def test_a_limit_that_float32_rounds_is_still_met_exactly(kind, rung, limit):
    assert nms(kind, rung, [[0, 0, 10, 1], [0, 0, 10 * limit, 1]], overlap=limit) == [1, 1]


@every_implementation
def test_an_overlap_of_1_strikes_nothing(kind, rung):
    assert nms(kind, rung, [[1, 2, 3, 4]] * 5, overlap=1.0) == [1] * 5


@every_implementation
def test_a_box_without_area_neither_strikes_nor_is_struck(kind, rung):
    assert nms(kind, rung, [[2, 0, 2, 4], [0, 0, 4, 4], [2, 0, 2, 4], [1, 1, 1, 1]], overlap=0.0) == [1] * 4


@every_implementation
def test_a_score_below_the_threshold_or_nan_is_not_kept_and_strikes_nobody(kind, rung):
    score = [0.5, np.float32(0.3), 0.25, np.nan]
    assert nms(kind, rung, [[0, 0, 4, 4], [9, 9, 11, 11], *TWO_APART], score, threshold=0.3) == [1, 1, 0, 0]
    assert nms(kind, rung, TWO_APART[:1] * 2, [np.nan, 1.0]) == [0, 1]


@every_implementation
def test_a_box_with_nan_is_kept_to_be_seen_and_strikes_nobody(kind, rung):
    boxes = [[np.nan, 0, 4, 4], [0, 0, 4, 4], [0, 0, 4, np.nan], [0, 0, 4, 4]]
    assert nms(kind, rung, boxes, overlap=0.0) == [1, 1, 1, 0]


@pytest.mark.parametrize("kind", ["cpu", "interpret"])
def test_boxes_are_struck_out_across_words_of_bits(kind):
    """Boxes k and k + 40 are equal; all others are apart."""
    corner = 4 * (np.arange(120) % 40)[:, np.newaxis] * [1, 0]
    assert nms(kind, None, np.concatenate([corner, corner + 3], axis=1)) == [1] * 40 + [0] * 80


def test_compiles_without_float64():
    assert not float64_in("nms", "forward", boxes=np.ones((2, 5, 4)), score=np.ones((2, 5)))


@pytest.mark.parametrize(
    ("boxes", "score", "settings", "message"),
    [
        ((5, 4), (1, 5), {}, "boxes (5, 4) must have 3 sizes (R, K, 4) of at least 1"),
        ((1, 5, 3), (1, 5), {}, "boxes (1, 5, 3) must be (1, 5, 4)"),
        ((1, 5, 4), (1, 4), {}, "score (1, 4) must be (1, 5)"),
        ((1, 5, 4), (1, 5), {"overlap": 1.5}, "overlap 1.5 must be from 0 to 1"),
        ((1, 5, 4), (1, 5), {"overlap": float("nan")}, "overlap nan must be from 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(boxes, score, settings, message):
    with pytest.raises(ShapeError, match=re.escape(f"nms: {message}")):
        trial("nms", settings, boxes=np.zeros(boxes), score=np.zeros(score))
