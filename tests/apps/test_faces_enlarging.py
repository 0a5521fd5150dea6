"""Photographs as large as those that people have: boxes stay on their faces, and the largest face is large."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from apps.faces.enlarging import LARGE, LARGEST_PICTURE, MAGNIFIED, SIZES, close_up, cropped, enlarged, enlarged_shape
from apps.faces.evaluation import sizes
from apps.faces.examples import Example
from tests.helpers.noise import example


def painted(width: int, height: int, box: tuple[int, int, int, int], name: str = "painted") -> Example:
    """A white face in a black picture."""
    picture = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = box
    picture[y1:y2, x1:x2] = 255
    return Example(picture, np.array([box], np.float32), np.zeros(1, bool), name)


def white(picture: np.ndarray) -> np.ndarray:
    """The box of what is white."""
    bright = picture.min(axis=2) > 127
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


@pytest.mark.parametrize(("name", "factor"), [("1.5x", 1.5), ("2x", 2)])
@given(width=st.integers(30, 90), height=st.integers(30, 90))
def test_an_enlarged_photograph_has_its_boxes_where_its_faces_are(name, factor, width, height):
    given = painted(width, height, (5, 8, 25, 28))
    shown = SIZES[name](given)
    assert (
        shown.picture.shape[:2]
        == (round(height * factor), round(width * factor))
        == enlarged_shape(name, height, width)
    )
    np.testing.assert_allclose(white(shown.picture), shown.boxes[0], atol=1)
    np.testing.assert_allclose(sizes(shown.boxes), 20 * factor, rtol=0.03)
    assert (shown.name, shown.boxes.dtype) == (given.name, np.float32)


def test_to_enlarge_makes_no_new_contrast():
    """Between pixels it is smooth, as a photograph is: the mean stays, and nothing is sharper than before."""
    given = example((64, 80), seed=3)
    shown = enlarged(given, 2)
    assert shown.picture.mean() == pytest.approx(given.picture.mean(), abs=1)
    steps = [np.abs(np.diff(e.picture.astype(int), axis=1)).mean() for e in (given, shown)]
    assert steps[1] < 0.8 * steps[0]


@given(
    width=st.integers(60, 900),
    height=st.integers(60, 900),
    side=st.integers(50, 400),
    left=st.floats(0, 1),
    top=st.floats(0, 1),
    name=st.text(max_size=5),
)
def test_the_largest_face_is_large_whole_and_where_its_box_is(width, height, side, left, top, name):
    side = min(side, width, height)
    x, y = int(left * (width - side)), int(top * (height - side))
    given = painted(width, height, (x, y, x + side, y + side), name)
    shown = close_up(given)
    if side * MAGNIFIED < LARGE[0]:
        assert shown is None
        return
    assert max(shown.picture.shape) <= LARGEST_PICTURE
    assert len(shown.boxes) == 1
    assert not shown.invalid[0]
    assert LARGE[0] * 0.97 <= sizes(shown.boxes)[0] <= LARGE[1] * 1.03
    np.testing.assert_allclose(white(shown.picture), shown.boxes[0], atol=5)
    np.testing.assert_array_equal(close_up(given).picture, shown.picture)  # the same each time


def test_sizes_are_drawn_from_all_of_the_range_by_the_name():
    drawn = [sizes(close_up(painted(400, 300, (100, 100, 250, 250), f"{i}")).boxes)[0] for i in range(60)]
    assert min(drawn) < 340
    assert max(drawn) > 660
    assert len(set(drawn)) > 50


def test_faces_that_the_crop_cuts_are_ignored_and_those_beyond_it_are_left_out():
    """A face of 100 pixels in a long picture; one beside it, one at the edge of the crop, one far away."""
    boxes = np.array([(950, 50, 1050, 150), (900, 10, 940, 60), (1090, 50, 1210, 170), (10, 10, 60, 60)], np.float32)
    picture = np.zeros((200, 2000, 3), np.uint8)
    part = cropped(Example(picture, boxes, np.array([False, True, False, False]), "x"), boxes[0], 300)
    assert part.picture.shape == (200, 300, 3)
    np.testing.assert_array_equal(part.boxes, [(100, 50, 200, 150), (50, 10, 90, 60), (240, 50, 300, 170)])
    np.testing.assert_array_equal(part.invalid, [False, True, True])


def test_without_a_face_that_counts_or_is_large_enough_there_is_no_close_up():
    given = painted(300, 300, (0, 0, 100, 100))
    assert close_up(given) is not None
    assert close_up(replace(given, invalid=np.ones(1, bool))) is None
    assert close_up(replace(given, boxes=np.zeros((0, 4), np.float32), invalid=np.zeros(0, bool))) is None
    assert close_up(replace(given, boxes=given.boxes / 3)) is None


def test_a_picture_is_never_larger_than_is_said():
    for name, shown in SIZES.items():
        for seed, shape in enumerate([(480, 640), (640, 427), (97, 130)]):
            given = example(shape, seed=seed)
            if view := shown(given):
                assert all(a <= b for a, b in zip(view.picture.shape, enlarged_shape(name, *shape), strict=False))
    assert Image.fromarray(given.picture).size == (130, 97)
