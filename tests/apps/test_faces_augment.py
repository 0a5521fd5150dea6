"""Views of a photograph: boxes follow the picture, and nothing but the generator decides."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.faces import augment
from apps.faces.augment import Augmentation, face_window, is_empty, jitter, paper_augmented
from apps.faces.examples import Example
from apps.faces.paste import MOST, with_faces_of
from apps.faces.views import Window, clipped, flipped, view

PLAIN = Augmentation()
EVERYTHING = Augmentation(empty=0.3, turned=0.5, pasted=0.5, blurred=0.5, compressed=0.5)
WAYS = (PLAIN, EVERYTHING, paper_augmented)
SAME = np.eye(3, 4)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(16, 96)


@st.composite
def painted(draw) -> Example:
    """A white rectangle on black, with its box: at most a quarter of the picture, so that what is filled in is dark."""
    width, height = draw(st.integers(16, 120)), draw(st.integers(16, 120))
    w, h = draw(st.integers(4, width // 2)), draw(st.integers(4, height // 2))
    x, y = draw(st.integers(0, width - w)), draw(st.integers(0, height - h))
    picture = np.zeros((height, width, 3), np.uint8)
    picture[y : y + h, x : x + w] = 255
    return Example(picture, np.array([[x, y, x + w, y + h]], np.float32), np.zeros(1, bool), "painted")


@st.composite
def photographs(draw) -> Example:
    """Noise with some boxes anywhere, some of them invalid."""
    generator = np.random.default_rng(draw(seeds))
    width, height = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    n = draw(st.integers(0, 6))
    start = generator.random((n, 2)) * (width, height) * 0.95
    boxes = np.hstack([start, start + (0.05 + 0.9 * generator.random((n, 2))) * ((width, height) - start)])
    picture = generator.integers(0, 256, (height, width, 3), np.uint8)
    return Example(picture, boxes.astype(np.float32), generator.random(n) < 0.3, "noise")


@st.composite
def windows(draw, example: Example) -> Window:
    """A square that shows at least a bit of the photograph."""
    height, width = example.picture.shape[:2]
    side = draw(st.floats(2, 200))
    left, top = (draw(st.floats(1 - side, length - 1)) for length in (width, height))
    return Window(left, top, side)


def found(picture: np.ndarray) -> np.ndarray:
    """The box of what is bright."""
    bright = picture[:, :, 0] > 127
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def assert_box_is_where_the_paint_is(result: Example) -> None:
    for box in result.boxes:
        if (box[2:] - box[:2] >= 2).all():  # what is smaller fades when it is averaged
            np.testing.assert_allclose(found(result.picture), box, atol=1)


# --- Boxes


@given(example=painted(), size=sizes, mirrored=st.booleans(), choice=st.data())
def test_the_box_follows_the_picture_through_any_window(example, size, mirrored, choice):
    result = view(example, choice.draw(windows(example)), size, mirrored)
    assert_box_is_where_the_paint_is(result)


@given(example=painted(), size=sizes, seed=seeds, way=st.sampled_from((PLAIN, paper_augmented)))
def test_the_box_follows_the_picture_when_everything_is_drawn(example, size, seed, way):
    with patch.object(augment, "jitter", lambda mean, generator: SAME):
        result = way(example, np.random.default_rng(seed), size)
    assert_box_is_where_the_paint_is(result)


@given(example=photographs(), size=sizes, seed=seeds, way=st.sampled_from(WAYS))
def test_every_view_has_its_size_and_every_box_lies_inside(example, size, seed, way):
    result = way(example, np.random.default_rng(seed), size)
    assert (result.picture.shape, result.picture.dtype) == ((size, size, 3), np.uint8)
    assert result.picture.flags.c_contiguous
    assert (result.boxes.dtype, result.invalid.dtype) == (np.float32, bool)
    assert result.boxes.shape == (len(result.invalid), 4)
    assert (result.boxes >= 0).all()
    assert (result.boxes <= size).all()
    assert (result.boxes[:, :2] < result.boxes[:, 2:]).all()
    assert result.name == example.name


def test_a_window_as_large_as_the_photograph_changes_nothing():
    generator = np.random.default_rng(0)
    boxes = np.array([[3, 4, 10, 12], [0, 0, 32, 32]], np.float32)
    example = Example(generator.integers(0, 256, (32, 32, 3), np.uint8), boxes, np.array([False, True]), "x")
    result = view(example, Window(0, 0, 32), 32)
    np.testing.assert_array_equal(result.picture, example.picture)
    np.testing.assert_array_equal(result.boxes, boxes, strict=True)
    np.testing.assert_array_equal(result.invalid, example.invalid)


def test_beyond_the_photograph_lies_its_mean_colour():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:] = 10, 120, 230
    result = view(Example(picture, np.zeros((0, 4), np.float32), np.zeros(0, bool), "x"), Window(-8, -4, 32), 64)
    np.testing.assert_array_equal(result.picture, np.broadcast_to(picture[:1, :1], (64, 64, 3)))


@pytest.mark.parametrize(
    ("box", "kept", "invalid"),
    [
        ([10, 10, 30, 30], True, False),
        ([-10, 0, 10, 20], True, False),  # one half is seen
        ([-11, 0, 9, 20], True, True),  # less than half
        ([-14, 0, 6, 20], True, True),  # 30 %
        ([-15, 0, 5, 20], False, False),
        ([-30, -30, 60, 60], True, True),  # the centre is seen, but little else
        ([100, 10, 120, 30], False, False),  # beside it
        ([-20, 0, 0, 20], False, False),  # it touches the edge from outside
    ],
)
def test_what_is_cut_off_is_clipped_ignored_or_left_out(box, kept, invalid):
    boxes, flags = clipped(np.array([box], float), np.zeros(1, bool), 40)
    assert len(boxes) == len(flags) == kept
    if kept:
        assert flags.tolist() == [invalid]
        np.testing.assert_array_equal(boxes, np.clip([box], 0, 40))


@given(example=photographs(), seed=seeds, way=st.sampled_from(WAYS))
def test_an_invalid_face_stays_invalid(example, seed, way):
    result = way(replace(example, invalid=np.ones(len(example.boxes), bool)), np.random.default_rng(seed), 32)
    assert result.invalid.all()


@given(example=painted(), size=sizes, seed=seeds)
def test_a_chosen_face_is_seen_whole_and_at_most_three_times_as_large(example, size, seed):
    window = face_window(example, example.boxes[0], np.random.default_rng(seed), size, (12, 256), 2.0)
    (box,) = view(example, window, size).boxes
    before, after = (np.sqrt((b[2:] - b[:2]).prod()) for b in (example.boxes[0], box))
    scale = size / window.side
    assert scale <= 3.001
    assert before * scale <= 256.1
    assert after == pytest.approx(before * scale, rel=0.2, abs=1)  # nothing cut off; whole pixels in each direction
    x1, y1, x2, y2 = example.boxes[0]
    shorter = min(example.picture.shape[:2])
    assert window.side <= max(2.0 * shorter, 1.001 * max(x2 - x1, y2 - y1))  # else it would show little
    assert window.left <= x1 + 1e-3
    assert window.top <= y1 + 1e-3
    assert window.left + window.side >= x2 - 1e-3
    assert window.top + window.side >= y2 - 1e-3


@given(example=painted(), seed=seeds)
def test_a_window_smaller_than_the_photograph_never_leaves_it(example, seed):
    assume(min(example.picture.shape[:2]) >= 20)
    window = augment.window_at_random(example, 20, np.random.default_rng(seed))
    height, width = example.picture.shape[:2]
    assert 0 <= window.left <= width - 20
    assert 0 <= window.top <= height - 20


@given(example=photographs(), seed=seeds)
def test_what_is_called_empty_has_no_face(example, seed):
    window = augment.window_at_random(example, 20, np.random.default_rng(seed))
    seen = np.clip(example.boxes, [window.left, window.top] * 2, [window.left + 20, window.top + 20] * 2)
    some_face = ((seen[:, 2:] - seen[:, :2]) > 0).all(axis=1).any()
    assert is_empty(example, window) == (not some_face)


def test_a_crop_without_a_face_is_found_where_there_is_place_for_it():
    picture = np.zeros((64, 512, 3), np.uint8)
    example = Example(picture, np.array([[0, 0, 64, 64]], np.float32), np.zeros(1, bool), "a face at the left")
    way, generator = Augmentation(faces=0, empty=1, shares=(0.5, 0.5)), np.random.default_rng(0)
    assert sum(len(way(example, generator, 32).boxes) for _ in range(100)) == 0
    assert sum(len(replace(way, empty=0.0)(example, generator, 32).boxes) for _ in range(100)) > 5


# --- Turned


@given(size=sizes, angle=st.floats(-45, 45), seed=seeds)
def test_the_box_of_a_turned_face_is_that_of_its_ellipse(size, angle, seed):
    """A white ellipse on black is found again within a pixel and a half, wherever it was."""
    generator = np.random.default_rng(seed)
    side = 96
    reach = generator.uniform(6, 20, 2)
    centre = generator.uniform(30, 66, 2)
    y, x = np.mgrid[:side, :side] + 0.5
    inside = ((x - centre[0]) / reach[0]) ** 2 + ((y - centre[1]) / reach[1]) ** 2 <= 1
    picture = np.repeat(np.where(inside, 255, 0).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)
    box = np.concatenate([centre - reach, centre + reach])[np.newaxis].astype(np.float32)
    result = view(Example(picture, box, np.zeros(1, bool), "ellipse"), Window(0, 0, side), side, angle=angle)
    whole = len(result.boxes) and (result.boxes[0] > 0).all() and (result.boxes[0] < side).all()
    assume(whole)
    np.testing.assert_allclose(found(result.picture), result.boxes[0], atol=1.5)


def test_a_turn_by_ninety_degrees_is_against_the_clock():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, 16:] = 255  # the right half, which comes up
    box = np.array([[20, 4, 28, 8]], np.float32)
    result = view(Example(picture, box, np.zeros(1, bool), "x"), Window(0, 0, 32), 32, angle=90)
    assert result.picture[:14].min() == 255
    assert result.picture[18:].max() == 0
    np.testing.assert_allclose(result.boxes, [[4, 4, 8, 12]], atol=1e-4)


@given(size=st.integers(16, 96), angle=st.floats(-45, 45))
def test_a_turned_view_has_no_empty_corners(size, angle):
    picture = np.full((400, 400, 3), 200, np.uint8)
    example = Example(picture, np.zeros((0, 4), np.float32), np.zeros(0, bool), "bright")
    assert view(example, Window(150, 150, 100), size, angle=angle).picture.min() > 190


# --- Pasted


def faces_of_another(generator=None) -> Example:
    """A red face of 40 x 50 pixels on black."""
    picture = np.zeros((80, 80, 3), np.uint8)
    picture[10:70, 10:70] = 255, 0, 0
    return Example(picture, np.array([[20, 15, 60, 65]], np.float32), np.zeros(1, bool), "red")


@given(example=photographs(), seed=seeds, size=st.integers(48, 128))
def test_pasted_faces_cover_no_other_and_stand_where_their_boxes_are(example, seed, size):
    generator = np.random.default_rng(seed)
    target = PLAIN(replace(example, picture=np.zeros_like(example.picture)), generator, size)
    target = replace(target, picture=np.zeros_like(target.picture))
    result = with_faces_of(faces_of_another(), target, generator)
    old, new = result.boxes[: len(target.boxes)], result.boxes[len(target.boxes) :]
    np.testing.assert_array_equal(old, target.boxes)
    assert not result.invalid[len(old) :].any()
    assert len(new) <= MOST
    for number, box in enumerate(new):
        middle = ((box[:2] + box[2:]) / 2).astype(int)
        assert result.picture[middle[1], middle[0], 0] > 240
        assert (box >= 0).all()
        assert (box <= size).all()
        width, height = box[2:] - box[:2]
        assert height / width == pytest.approx(50 / 40, rel=1e-3)
        others = np.delete(result.boxes, len(old) + number, axis=0)
        assert not ((others[:, 2:] > box[:2]) & (others[:, :2] < box[2:])).all(axis=1).any()
    apart = np.ones(result.picture.shape[:2], bool)
    for box in new:
        margin = 0.16 * (box[2:] - box[:2]) + 1
        left, top = np.maximum(np.floor(box[:2] - margin), 0).astype(int)
        right, bottom = np.ceil(box[2:] + margin).astype(int)
        apart[top:bottom, left:right] = False
    np.testing.assert_array_equal(result.picture[apart], target.picture[apart])


def test_faces_of_few_pixels_and_invalid_ones_are_not_pasted():
    generator, source = np.random.default_rng(0), faces_of_another()
    target = Example(np.zeros((64, 64, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, bool), "empty")
    for hidden in (replace(source, invalid=np.ones(1, bool)), replace(source, boxes=source.boxes / 4)):
        assert with_faces_of(hidden, target, generator) is target
    assert len(with_faces_of(source, target, generator).boxes) > 0


# --- Worse pictures


@pytest.mark.parametrize("what", ["blurred", "compressed"])
def test_a_worse_picture_keeps_its_boxes_and_most_of_what_it_shows(what):
    generator = np.random.default_rng(0)
    picture = np.kron(generator.integers(0, 256, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    example = Example(picture, np.array([[8, 8, 40, 40]], np.float32), np.zeros(1, bool), "squares")
    plain, worse = (
        Augmentation(faces=0, shares=(1, 1), **{what: probability})(example, np.random.default_rng(1), 64)
        for probability in (0.0, 1.0)
    )
    np.testing.assert_array_equal(worse.boxes, plain.boxes)
    difference = np.abs(worse.picture.astype(int) - plain.picture)
    assert 0 < difference.mean() < 30


# --- Mirrors and colours


@given(example=photographs())
def test_flipping_twice_changes_nothing(example):
    again = flipped(flipped(example))
    np.testing.assert_array_equal(again.picture, example.picture, strict=True)
    np.testing.assert_allclose(again.boxes, example.boxes, atol=1e-5)
    np.testing.assert_array_equal(again.invalid, example.invalid)


@given(example=painted())
def test_flipping_moves_the_box_with_the_picture(example):
    result = flipped(example)
    np.testing.assert_array_equal(found(result.picture), result.boxes[0])


@given(seed=seeds, grey=st.integers(0, 255))
def test_colour_jitter_keeps_grey_grey(seed, grey):
    colours = jitter(np.full(3, 128.0), np.random.default_rng(seed))
    changed = colours[:, :3] @ np.full(3, grey) + colours[:, 3]
    np.testing.assert_allclose(changed, changed[0])
    extremes = np.outer(augment.JITTER, [contrast * grey + (1 - contrast) * 128 for contrast in augment.JITTER])
    assert extremes.min() - 0.1 <= changed[0] <= extremes.max() + 0.1


def test_colour_jitter_is_about_the_colours_it_was_given():
    """Half of the pictures become brighter, one in ten is without colour, and on average nothing changes."""
    generator = np.random.default_rng(0)
    mean = np.array([100.0, 130, 80])
    colours = np.array([jitter(mean, generator) for _ in range(4000)])
    changed = colours[:, :, :3] @ mean + colours[:, :, 3]
    np.testing.assert_allclose(changed.mean(axis=0), mean, rtol=0.05)
    without = np.ptp(changed, axis=1) < 1e-9
    assert without.mean() == pytest.approx(0.1, abs=0.02)
    assert (augment.LUMA @ mean < augment.LUMA @ changed.T).mean() == pytest.approx(0.5, abs=0.03)


# --- Nothing but the generator


@given(example=photographs(), size=sizes, seed=seeds, way=st.sampled_from(WAYS))
def test_the_same_generator_gives_the_same_view_and_the_example_stays_as_it_was(example, size, seed, way):
    picture, boxes, invalid = example.picture.copy(), example.boxes.copy(), example.invalid.copy()
    first, second = (way(example, np.random.default_rng(seed), size) for _ in range(2))
    for name in ("picture", "boxes", "invalid"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), strict=True)
    np.testing.assert_array_equal(example.picture, picture)
    np.testing.assert_array_equal(example.boxes, boxes)
    np.testing.assert_array_equal(example.invalid, invalid)
    assert not np.shares_memory(first.picture, example.picture)


def test_half_of_the_views_are_mirrored():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:, :16] = 255
    example = Example(picture, np.zeros((0, 4), np.float32), np.zeros(0, bool), "left is white")
    generator = np.random.default_rng(0)
    with patch.object(augment, "jitter", lambda mean, generator: SAME):
        views = [Augmentation(shares=(1, 1))(example, generator, 32).picture for _ in range(400)]
    assert np.mean([v[0, 0, 0] < v[0, -1, 0] for v in views]) == pytest.approx(0.5, abs=0.08)
