"""Finding faces: boxes lie in the picture whatever its size, options act, and weights files hold what they say."""

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from apps.faces import detector, ends
from apps.faces.crowds import crowd_of
from apps.faces.detector import OUTPUTS, SHIPPED, Detector, load_detector, resized
from apps.faces.evaluation import Truth, evaluate
from apps.faces.matching import MATCHINGS, PAPER
from apps.faces.models import lite
from framework import Model, checkpoint, memory, weights
from framework.checkpoint import CheckpointError
from kernels.device import find_device
from kernels.operations.iou.reference import overlap as iou
from kernels.operations.nms.reference import forward as nms
from tests.helpers.noise import example


@pytest.fixture(scope="module")
def model():
    """New, so that it finds something everywhere, with scores near 1/100."""
    return Model(lite, "reference", seed=1)


@pytest.fixture(scope="module")
def eager(model):
    """A detector that gives all it finds."""
    return Detector(model, threshold=0.0)


@pytest.fixture(scope="module")
def shipped():
    return load_detector(SHIPPED, "cpu")[0]


def picture(rows, columns, seed=0):
    return example((rows, columns), seed).picture


def assert_inside(found, rows, columns):
    assert found.boxes.dtype == found.scores.dtype == np.float32
    x1, y1, x2, y2 = found.boxes.T
    assert (x1 >= 0).all()
    assert (y1 >= 0).all()
    assert (x1 < x2).all()
    assert (y1 < y2).all()
    assert (x2 <= columns).all()
    assert (y2 <= rows).all()
    assert (np.diff(found.scores) <= 0).all()


@settings(max_examples=8)
@given(rows=st.integers(1, 128), columns=st.integers(1, 128))
def test_boxes_lie_in_a_picture_of_any_size(eager, rows, columns):
    found = eager(picture(rows, columns))
    assert len(found.boxes)
    assert_inside(found, rows, columns)


@pytest.mark.parametrize("size", [(20, 20), (65, 63), (1, 1)])
def test_so_do_they_in_small_and_odd_ones(eager, size):
    found = eager(picture(*size))
    assert len(found.boxes)
    assert_inside(found, *size)


def test_a_threshold_leaves_the_first_of_what_is_found_without(model, eager):
    noise = picture(64, 96)
    every = eager(noise)
    middle = float(np.median(every.scores))
    some = Detector(model, threshold=middle)(noise)
    np.testing.assert_array_equal(some.scores, every.scores[every.scores >= middle])
    np.testing.assert_array_equal(some.boxes, every.boxes[: len(some.boxes)])
    assert len(Detector(model, threshold=1.0)(noise).boxes) == 0


def test_no_two_boxes_overlap_more_than_allowed(model):
    noise = picture(64, 128)  # multiples of 64: no box is clipped after the choice but at the border
    counts = []
    for overlap in (0.1, 0.4, 0.8):
        found = Detector(model, threshold=0.0, overlap=overlap)(noise)
        inside = ((found.boxes > 0) & (found.boxes < [128, 64, 128, 64])).all(axis=1)
        boxes = found.boxes[inside].astype(float)
        assert np.triu(iou(boxes, boxes), 1).max(initial=0) <= overlap + 1e-6
        counts.append(len(found.boxes))
    assert counts[0] < counts[1] < counts[2]


def test_a_larger_picture_than_wanted_is_looked_at_smaller_and_boxes_are_its_own(model, eager):
    noise = picture(96, 128)
    small = resized(noise, (48, 64), model.device)
    expected, found = eager(small), Detector(model, threshold=0.0, longest=64)(noise)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_allclose(found.boxes, 2 * expected.boxes, rtol=1e-6)
    assert_inside(found, 96, 128)


@pytest.mark.parametrize("device", ["reference", "cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("size", [(48, 64), (37, 90), (1, 1)])
def test_a_smaller_copy_is_that_of_pillow_but_for_rounding(device, size):
    noise = picture(96, 128)
    ours = resized(noise, size, find_device(device))
    pillows = np.array(Image.fromarray(noise).resize(size[::-1], Image.Resampling.BILINEAR))
    assert (ours.shape, ours.dtype) == (pillows.shape, np.uint8)
    assert np.abs(ours.astype(int) - pillows).max() <= 1


@pytest.mark.parametrize("longest", [256, 300])
def test_a_face_in_a_larger_picture_is_found_where_it_is_in_pillows_smaller_copy(longest):
    astronaut, (shipped, _) = data.astronaut(), load_detector(SHIPPED, "cpu")
    pillows = Image.fromarray(astronaut).resize((longest, longest), Image.Resampling.BILINEAR, reducing_gap=2.0)
    expected, found = Detector(shipped)(np.array(pillows)), Detector(shipped, longest=longest)(astronaut)
    assert len(found.boxes) == len(expected.boxes) == 1
    np.testing.assert_allclose(found.boxes, expected.boxes * (512 / longest), atol=0.5)
    np.testing.assert_allclose(found.scores, expected.scores, atol=0.01)


@pytest.mark.parametrize("size", [(300, 7), (7, 300), (107, 107)])  # 25 times 107 / 25, rounded, is more than 107
def test_boxes_of_smaller_copies_lie_in_the_picture_too(model, size):
    found = Detector(model, threshold=0.0, longest=25)(picture(*size))
    assert len(found.boxes)
    assert_inside(found, *size)


def test_a_picture_that_is_small_enough_stays_as_it_is(model, eager):
    noise = picture(64, 50)
    np.testing.assert_array_equal(Detector(model, threshold=0.0, longest=64)(noise).boxes, eager(noise).boxes)


def test_pictures_of_about_one_size_share_a_program_and_only_some_programs_are_kept(model, monkeypatch):
    made = []

    def inference(*arguments, size, **options):
        made.append(size)
        return Model.inference(model, *arguments, size=size, **options)

    monkeypatch.setattr(model, "inference", inference)
    monkeypatch.setattr(detector, "PROGRAMS", 2)
    look = Detector(model)
    for rows, columns in ((50, 50), (64, 33), (20, 100), (10, 10), (100, 20), (64, 64), (20, 100)):
        look(picture(rows, columns))
    # (64, 64) is in use all the time; (64, 128) made way for (128, 64).
    assert made == [(64, 64), (64, 128), (128, 64), (64, 128)]


def test_old_programs_make_room_and_a_look_for_which_there_is_none_is_refused_by_its_size(model, monkeypatch):
    look, small = Detector(model), memory.of_looking(model, 1, OUTPUTS, size=(64, 64))
    free = [10**9]
    monkeypatch.setattr(memory, "free_bytes", lambda device: free[0] - small * len(look._programs))
    for side in (64, 128, 64):
        look(picture(side, side))
    free[0] = 4 * small  # for one of twice the pixels, and one more beside it
    look(picture(64, 65))
    assert list(look._programs) == [(64, 64), (64, 128)]
    free[0] = small
    said = r"^memory of reference: a look at 128 x 64 pixels: \d+ MB needed, \d+ MB free; smaller scales need less$"
    with pytest.raises(MemoryError, match=said):
        look(picture(128, 64))
    assert not look._programs


def test_a_look_that_is_too_large_to_be_planned_is_refused_before_it_is(model):
    with pytest.raises(MemoryError, match=r"a look at 10000000 x 10000000 pixels: 2200000\.0 GB needed"):
        Detector(model, scales=(1e6,))(picture(10, 10))


# Candidates


def test_of_576_faces_none_is_lost_because_too_few_compete(shipped, monkeypatch):
    crowd = crowd_of(144, seed=0)
    four = np.tile(crowd.picture, (2, 2, 1))
    look = Detector(shipped)
    found = look(four)
    assert not look.full
    monkeypatch.setattr(ends, "CANDIDATES", 10**9)  # all anchors
    every = Detector(shipped)(four)
    np.testing.assert_array_equal(found.boxes, every.boxes)
    boxes = np.concatenate([crowd.boxes + np.float32([x, y, x, y]) for x in (0, 640) for y in (0, 640)])
    curve = evaluate([found], [Truth(boxes, np.zeros(576, bool))])
    assert curve.recall[-1] > 0.8  # 1 000 candidates left 360 boxes, and a recall of 0.55


def test_where_more_boxes_score_enough_than_compete_it_is_known(model):
    look = Detector(model, threshold=0.0, scales=(1, 0.25))
    look(picture(256, 192))
    assert look.full == [(256, 192)]
    look(picture(64, 192))  # whose anchors are all candidates
    assert look.full == []
    sure = Detector(model, threshold=0.5)
    sure(picture(256, 192))
    assert sure.full == []


# Several looks


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


# Weights


@pytest.mark.parametrize("matching", MATCHINGS)
def test_a_weights_file_gives_the_same_detector_back(tmp_path, matching):
    model = Model(partial(lite, matching=MATCHINGS[matching]), "reference", seed=3)
    path = tmp_path / "weights.safetensors"
    weights.save(model, path, matching=matching, ap=0.5)
    loaded, facts = load_detector(path, "reference")
    assert facts == {"model": "lite", "matching": matching, "ap": "0.5"}
    one, other = (Detector(m, threshold=0.0)(picture(40, 40)) for m in (model, loaded))
    np.testing.assert_allclose(one.boxes, other.boxes, rtol=1e-4, atol=1e-3)
    for name, array in model.parameters.download().items():
        np.testing.assert_array_equal(loaded.parameters.download()[name], array, err_msg=name)


def test_offsets_are_read_as_they_were_learned(tmp_path, model):
    """Those of the seeds are corners in pixels, those of lite are relative to the anchor."""
    boxes = {}
    for matching in ("paper", "refined"):
        path = tmp_path / f"{matching}.safetensors"
        weights.save(model, path, matching=matching)
        boxes[matching] = Detector(load_detector(path, "reference")[0], threshold=0.0)(picture(64, 64)).boxes
    assert MATCHINGS["paper"] is PAPER
    assert boxes["paper"].shape != boxes["refined"].shape or (boxes["paper"] != boxes["refined"]).any()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({}, "no model found, one of scout, lite, facenet, faceresnet expected"),
        ({"model": "cnn6"}, "model 'cnn6' found, one of scout, lite, facenet, faceresnet expected"),
        ({"model": "lite"}, "no matching found, one of paper, per_level, refined, quality expected"),
        (
            {"model": "lite", "matching": "best"},
            "matching 'best' found, one of paper, per_level, refined, quality expected",
        ),
    ],
)
def test_a_file_of_something_else_is_refused_by_what_it_says(tmp_path, facts, message):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {"x": np.zeros(1, np.float32)}, facts)
    with pytest.raises(CheckpointError, match=f"^{re.escape(f'{path}: {message}')}$"):
        load_detector(path, "reference")


def test_a_file_with_the_weights_of_another_network_is_refused_by_name(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {"x": np.zeros(1, np.float32)}, {"model": "lite", "matching": "refined"})
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: x: the network has no such parameter"):
        load_detector(path, "reference")
