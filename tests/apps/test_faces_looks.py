"""Looking several times: at which sizes, and that what all looks find competes and is in the picture's own pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from apps.faces.crowds import crowd_of
from apps.faces.detector import WEIGHTS, Detector, load_detector, resized
from apps.faces.evaluation import Truth, evaluate
from apps.faces.looks import ENLARGED, LONGEST, SMALL, looks
from apps.faces.models import lite
from framework import Model
from kernels.operations.nms.reference import forward as nms
from tests.helpers.noise import example

sides = st.integers(1, 10_000)


@pytest.fixture(scope="module")
def model():
    """New, so that it finds something everywhere, with scores near 1/100."""
    return Model(lite, "reference", seed=1)


@pytest.fixture(scope="module")
def shipped():
    return load_detector(WEIGHTS / "lite.safetensors", "cpu")[0]


# --- Sizes


@given(sides, sides)
def test_one_look_is_at_the_picture_itself(height, width):
    assert looks(height, width, (1.0,)) == [(height, width)]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), [(512, 512), (1024, 1024)]),
        ((480, 640), [(480, 640), (960, 1280)]),
        ((768, 1024), [(768, 1024), (960, 1280), (240, 320)]),
        ((1280, 720), [(1280, 720), (320, 180)]),
        ((4000, 6000), [(1024, 1536), (213, 320)]),
        ((1, 1), [(1, 1), (2, 2)]),
        ((1, 6000), [(1, 1536), (1, 320)]),
    ],
)
def test_the_usual_looks_are_its_own_size_a_larger_one_and_a_small_one(size, expected):
    assert looks(*size) == looks(*size, "auto") == looks(*size, None) == expected


@given(sides, sides)
def test_the_usual_looks_differ_and_are_bounded(height, width):
    found = looks(height, width)
    longer = [max(size) for size in found]
    assert len(set(found)) == len(found)
    assert longer[0] == min(max(height, width), LONGEST)
    assert all(side in (SMALL, min(2 * longer[0], ENLARGED)) for side in longer[1:])
    assert sum(rows * columns for rows, columns in found) <= 5.1 * height * width + 2 * longer[-1]


@given(sides, sides, st.integers(1, 5000), st.lists(st.floats(0.01, 4), min_size=1, max_size=3))
def test_scales_apply_to_a_picture_of_the_longer_side_that_is_wanted(height, width, longest, scales):
    found = looks(height, width, scales, longest)
    expected = {max(1, round(longest * scale)) for scale in scales}
    assert {max(size) for size in found} <= {side + more for side in expected for more in (-1, 0, 1)}
    for rows, columns in found:
        assert abs(rows * width - columns * height) <= max(height, width)  # the shape stays, as far as pixels allow


def test_a_wanted_side_is_kept_by_the_usual_looks_even_if_it_is_larger_than_they_go_else():
    assert looks(3000, 4000, "auto", longest=2400) == [(1800, 2400), (240, 320)]
    assert looks(30, 40, "auto", longest=400) == [(300, 400), (600, 800)]


def test_equal_scales_are_one_look():
    assert looks(100, 200, (1, 0.5, 1.0, 0.501)) == [(100, 200), (50, 100)]


# --- What is found


def test_what_all_looks_find_competes_in_one_suppression(model):
    noise = example((96, 128)).picture
    seen = [noise, resized(noise, (48, 64), model.device), resized(noise, (192, 256), model.device)]
    boxes, scores = [], []
    for copy, scale in zip(seen, (1.0, 2.0, 0.5), strict=True):
        program = model.inference(1, ("boxes", "scores"), size=(-(-copy.shape[0] // 64) * 64, copy.shape[1]))
        image = np.empty((1, *program.inputs["image"].shape[1:]), np.uint8)
        image[:] = np.rint(copy.mean(axis=(0, 1)))
        image[0, : len(copy)] = copy
        found = program(image=image)
        boxes.append(found["boxes"][0] * scale)
        scores.append(found["scores"][0])
    boxes, scores = np.concatenate(boxes), np.concatenate(scores)
    order = np.argsort(-scores, kind="stable")
    boxes, scores, keep = boxes[order], scores[order], np.zeros((1, len(order)), int)
    nms(boxes[np.newaxis], scores[np.newaxis], keep, 0.4, 0.0)
    expected = np.clip(boxes[keep[0] == 1], 0, [128, 96, 128, 96])
    inside = (expected[:, :2] < expected[:, 2:]).all(axis=1)
    found = Detector(model, threshold=0.0, scales=(1, 0.5, 2))(noise)
    np.testing.assert_allclose(found.boxes, expected[inside], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found.scores, scores[keep[0] == 1][inside], rtol=1e-5)
    counts = [len(Detector(model, threshold=0.0, scales=(scale,))(noise).scores) for scale in (1, 0.5, 2)]
    assert max(counts) < len(found.scores) < sum(counts)


def test_a_threshold_leaves_the_first_of_what_several_looks_find_without(model):
    noise = example((64, 96)).picture
    every = Detector(model, threshold=0.0, scales=(1, 2))(noise)
    middle = float(np.median(every.scores))
    some = Detector(model, threshold=middle, scales=(1, 2))(noise)
    assert 0 < len(some.scores) < len(every.scores)
    np.testing.assert_array_equal(some.scores, every.scores[: len(some.scores)])
    np.testing.assert_array_equal(some.boxes, every.boxes[: len(some.boxes)])


def test_of_two_looks_that_score_alike_the_first_one_wins_and_nothing_found_is_nothing(model):
    """A picture of one colour is that colour in each size, so all that differs is where a box may stand."""
    plain = np.full((64, 64, 3), 90, np.uint8)
    one, two = (Detector(model, threshold=0.0, scales=scales)(plain) for scales in ((1, 1), (1,)))
    np.testing.assert_array_equal(one.boxes, two.boxes)
    none = Detector(model, threshold=1.0, scales=(1, 2))(plain)
    assert (none.boxes.shape, none.scores.shape) == ((0, 4), (0,))


def test_a_face_that_fills_a_large_picture_is_found_by_the_small_look(shipped):
    face = Image.fromarray(data.astronaut()).crop((120, 20, 330, 230)).resize((1400, 1400))
    truth = [Truth(np.array([[380.0, 310, 990, 1100]]), np.array([False]))]
    once, often = (evaluate([Detector(shipped, scales=scales)(np.array(face))], truth) for scales in ((1,), "auto"))
    assert (once.ap, often.ap) == (0, 1)


def test_small_faces_are_found_by_the_larger_look(shipped):
    crowd = crowd_of(100, seed=0, held_out=True)
    half = np.array(Image.fromarray(crowd.picture).resize((320, 320), Image.Resampling.BILINEAR))
    truth = [Truth(crowd.boxes / 2, crowd.invalid)]
    once, often = (evaluate([Detector(shipped, scales=scales)(half)], truth).recall[-1] for scales in ((1,), "auto"))
    assert once < often - 0.1
