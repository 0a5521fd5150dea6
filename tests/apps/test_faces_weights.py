"""The detector that ships: small, found where the wheel looks for it, and as good as docs/faces.md says."""

import os

import numpy as np
import pytest
from PIL import Image

from apps.faces.crowds import crowd_of
from apps.faces.data import load
from apps.faces.detector import SHIPPED, Detector, load_detector
from apps.faces.evaluation import Truth, evaluate
from apps.faces.looks import AUTO
from apps.faces.scoring import score


@pytest.fixture(scope="module")
def model():
    return load_detector(SHIPPED, "cpu")[0]


def test_the_weights_are_small_and_say_where_they_come_from():
    assert SHIPPED.stat().st_size < 4_000_000
    _, facts = load_detector(SHIPPED, "cpu")
    assert {"model", "data", "matching", "iterations", "batch", "seed", "ap", "ap_16"} <= facts.keys()
    assert facts["model"] == "scout"


def test_of_a_hundred_faces_in_a_picture_one_look_finds_at_least_ninety(model):
    crowd = crowd_of(100, seed=0, held_out=True)
    curve = evaluate([Detector(model, threshold=0.45)(crowd.picture)], [Truth(crowd.boxes, crowd.invalid)])
    assert curve.recall[-1] >= 0.9


def test_one_look_finds_the_face_of_the_astronaut_and_nothing_else(model):
    from skimage import data

    found = Detector(model)(data.astronaut())
    assert len(found.scores) == 1
    assert evaluate([found], [Truth(np.array([[178.0, 70, 272, 198]]), np.array([False]))]).ap == 1


@pytest.mark.parametrize("faces", [100, 300])
def test_of_hundreds_of_faces_in_a_picture_at_least_95_in_100_are_found(model, faces):
    crowd = crowd_of(faces, seed=0, held_out=True)
    curve = evaluate([Detector(model, scales=AUTO)(crowd.picture)], [Truth(crowd.boxes, crowd.invalid)])
    assert curve.recall[-1] >= 0.95


@pytest.mark.parametrize("height", [240, 480, 1024, 3000])
def test_a_face_that_fills_the_picture_is_found_and_nothing_else(model, height):
    from skimage import data

    picture = Image.fromarray(data.astronaut()[60:210, 160:290])
    shape = round(picture.width * height / picture.height), height
    found = Detector(model, scales=AUTO)(np.array(picture.resize(shape)))
    assert len(found.scores) == 1
    expected = np.array([[18.0, 10, 112, 138]]) * height / picture.height
    assert evaluate([found], [Truth(expected, np.array([False]))]).ap == 1


def test_a_portrait_that_is_repeated_576_times_has_as_many_faces(model):
    from skimage import data

    portrait, repeated = np.array(Image.fromarray(data.astronaut()).resize((128, 128))), 24
    places = 128 * np.array([[x, y, x, y] for x in range(repeated) for y in range(repeated)])
    truth = Truth((np.array([178, 70, 272, 198]) / 4 + places).astype(np.float32), np.zeros(len(places), bool))
    found = Detector(model, scales=AUTO)(np.tile(portrait, (repeated, repeated, 1)))
    curve = evaluate([found], [truth])
    assert curve.recall[-1] >= 0.95
    assert len(found.scores) <= 1.05 * len(places)


@pytest.mark.parametrize("side", [192, 512, 1024, 2048, 4096])
def test_a_face_from_35_to_1000_pixels_is_found_and_nothing_else(model, side):
    from skimage import data

    picture = np.array(Image.fromarray(data.astronaut()).resize((side, side)))
    found = Detector(model, scales=AUTO)(picture)
    assert len(found.scores) == 1
    expected = np.array([[178.0, 70, 272, 198]]) * side / 512
    assert evaluate([found], [Truth(expected, np.array([False]))]).ap == 1


@pytest.mark.skipif("WIDER_FACE_DIR" not in os.environ, reason="needs photographs in WIDER_FACE_DIR")
def test_most_faces_of_the_photographs_held_out_are_found(model):
    metrics = score(model, load("wider").validation).metrics
    assert metrics["ap"] >= 0.62
    assert metrics["ap_16"] >= 0.88
    assert metrics["false_boxes"] <= 0.3


@pytest.mark.skipif("WIDER_FACE_DIR" not in os.environ, reason="needs photographs in WIDER_FACE_DIR")
def test_as_detect_looks_more_are_found_and_few_boxes_are_false(model):
    metrics = score(model, load("wider").validation, scales=AUTO).metrics
    assert metrics["ap"] >= 0.73
    assert metrics["ap_16"] >= 0.9
    assert metrics["false_boxes"] <= 0.3
