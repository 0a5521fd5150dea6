"""The detector that ships: small, found where the wheel looks for it, and as good as docs/faces.md says."""

import os

import numpy as np
import pytest

from apps.faces.crowds import crowd_of
from apps.faces.data import load
from apps.faces.detector import WEIGHTS, Detector, load_detector
from apps.faces.evaluation import Truth, evaluate
from apps.faces.scoring import score

SHIPPED = WEIGHTS / "lite.safetensors"


@pytest.fixture(scope="module")
def model():
    return load_detector(SHIPPED, "cpu")[0]


def test_the_weights_are_small_and_say_where_they_come_from():
    assert SHIPPED.stat().st_size < 8_000_000
    _, facts = load_detector(SHIPPED, "cpu")
    assert {"model", "data", "matching", "iterations", "batch", "seed", "ap", "ap_16"} <= facts.keys()
    assert facts["model"] == "lite"


def test_the_face_of_the_astronaut_is_found_and_nothing_else(model):
    from skimage import data

    found = Detector(model)(data.astronaut())
    assert len(found.scores) == 1
    curve = evaluate([found], [Truth(np.array([[178.0, 70, 272, 198]]), np.array([False]))])
    assert curve.ap == 1


def test_of_a_hundred_faces_in_a_picture_at_least_ninety_are_found(model):
    crowd = crowd_of(100, seed=0, held_out=True)
    curve = evaluate([Detector(model)(crowd.picture)], [Truth(crowd.boxes, crowd.invalid)])
    assert curve.recall[-1] >= 0.9


@pytest.mark.skipif("WIDER_FACE_DIR" not in os.environ, reason="needs photographs in WIDER_FACE_DIR")
def test_most_faces_of_the_photographs_held_out_are_found(model):
    result = score(model, load("wider").validation)
    assert result.metrics["ap_16"] >= 0.80
