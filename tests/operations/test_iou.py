"""Intersection over union: pixels counted, invariances, and boxes that share nothing."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers.running import KINDS, float64_in, forward, trial
from tests.helpers.strategies import trials

IOU = all_operations()["iou"]


def iou(kind, a, b):
    return forward("iou", kind, a=a, b=b)["y"]


def random_boxes(seed, count):
    """Boxes of any size, not on a grid."""
    generator = np.random.default_rng(seed)
    first = 100 * generator.random((count, 2))
    return np.concatenate([first, first + 1 + 50 * generator.random((count, 2))], axis=1).astype(np.float32)


def pixels(box):
    x1, y1, x2, y2 = box.astype(int)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(IOU))
def test_equation_58_counts_the_pixels_that_boxes_share_and_those_they_cover(kind, trial):
    y = trial.forward(kind)["y"]
    a, b = ([pixels(box / 8) for box in trial.arrays[name]] for name in "ab")  # the boxes are on a grid of 8
    expected = [[len(A & B) / len(A | B) if A | B else 0 for B in b] for A in a]
    np.testing.assert_array_equal(y.astype(np.float32), np.array(expected, np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_values_by_hand(kind):
    """The same box, a quarter of it, one of four equal parts that each share, one inside, one beside, one far."""
    a = [[0, 0, 4, 4]]
    b = [[0, 0, 4, 4], [0, 0, 2, 2], [2, 2, 6, 6], [1, 1, 3, 4], [4, 0, 8, 4], [9, 9, 10, 10]]
    np.testing.assert_allclose(iou(kind, a, b), [[1, 1 / 4, 4 / 28, 6 / 16, 0, 0]], rtol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999))
def test_overlap_is_between_0_and_1_symmetric_and_1_with_itself_alone(kind, seed):
    boxes = random_boxes(seed, 7)
    y = iou(kind, boxes, boxes)
    np.testing.assert_allclose(y, y.T, rtol=1e-6)
    np.testing.assert_allclose(np.diag(y), 1, rtol=1e-5)
    assert (y >= 0).all()
    assert (y[~np.eye(7, dtype=bool)] < 1).all()


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999))
def test_neither_a_shift_nor_a_change_of_unit_nor_a_mirror_matters(kind, seed):
    a, b = random_boxes(seed, 5), random_boxes(seed + 1000, 6)
    expected = iou(kind, a, b)
    np.testing.assert_allclose(iou(kind, a + 32, b + 32), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(iou(kind, 4 * a, 4 * b), expected)
    transposed, mirrored = [1, 0, 3, 2], [2, 1, 0, 3]
    np.testing.assert_allclose(iou(kind, a[:, transposed], b[:, transposed]), expected, rtol=1e-6)
    sign = [-1, 1, -1, 1]
    np.testing.assert_allclose(iou(kind, sign * a[:, mirrored], sign * b[:, mirrored]), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_without_area_overlaps_nothing_not_even_itself(kind):
    point, line, inside_out, box = [1, 1, 1, 1], [0, 1, 4, 1], [3, 3, 1, 1], [0, 0, 4, 4]
    np.testing.assert_array_equal(iou(kind, [point, line, inside_out], [point, line, inside_out, box]), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_whose_area_rounds_to_nothing_overlap_nothing(kind):
    tiny = 1e-30 * np.array([[0, 0, 1, 1]])
    if kind != "reference":  # which has digits left in float64
        np.testing.assert_array_equal(iou(kind, tiny, tiny), 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("corner", range(4))
def test_a_nan_in_a_box_shows_in_all_its_overlaps_and_in_no_other(corner, kind):
    boxes = random_boxes(0, 4)
    boxes[2, corner] = np.nan
    nan = np.zeros((4, 4), bool)
    nan[2] = nan[:, 2] = True
    np.testing.assert_array_equal(np.isnan(iou(kind, boxes, boxes)), nan)


def test_a_full_sized_strip_takes_boxes_that_its_block_does_not_divide():
    """Rung 2 with the tiles a GPU gets, on more boxes than one of them takes."""
    a, b = random_boxes(1, 19), random_boxes(2, 5)
    launch = trial("iou", a=a, b=b).launches("forward", rung=2)[0]
    launch.interpret()
    np.testing.assert_allclose(launch.args[2], iou("reference", a, b), rtol=1e-4, atol=1e-6)


def test_compiles_without_float64():
    assert not float64_in("iou", "forward", a=random_boxes(0, 2), b=random_boxes(1, 3))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((4,), (2, 4), "a (4,) must have 2 sizes (M, 4) of at least 1"),
        ((2, 4), (3, 5), "b (3, 5) must end with the 4 corners (x1, y1, x2, y2)"),
        ((2, 4), (0, 4), "b (0, 4) must have 2 sizes (N, 4) of at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(a, b, message):
    with pytest.raises(ShapeError, match=re.escape(f"iou: {message}")):
        IOU.shapes(a=a, b=b)
