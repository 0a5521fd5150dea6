"""Composed crowds: as many faces as promised, all to be seen, the same each time."""

import pickle
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.errors import DataError
from apps.faces import crowds
from apps.faces.crowds import FACE, HAIR, NECK, TORSO, Crowds, crowd_of, faces, layout, overlap, photographs, reach
from tests.helpers.programs import python

seeds = st.integers(0, 2**32 - 1)


@given(n=st.integers(0, 60), width=st.integers(400, 640), height=st.integers(400, 640), seed=seeds)
def test_faces_lie_in_the_picture_and_nobody_hides_one(n, width, height, seed):
    people = layout(n, width, height, np.random.default_rng(seed))
    boxes = reach(people[:n], FACE)
    assert len(boxes) == n
    assert (boxes >= -1e-9).all()
    assert (boxes[:, 2:] <= np.array([width, height]) + 1e-9).all()
    sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    assert (sides >= 12 - 1e-9).all()
    assert (sides <= 200 + 1e-9).all()

    chins = people[:, 1] + people[:, 2]
    in_front = chins[:, None] > chins[None, :n]
    for part in (FACE, HAIR, NECK, TORSO):
        hides = overlap(people, part, people[:n], FACE)
        hides[np.arange(n), np.arange(n)] = False
        assert not (hides & in_front).any()


@pytest.mark.parametrize("held_out", [False, True])
def test_examples_are_what_a_detector_expects(held_out):
    for example in Crowds(3, seed=1, held_out=held_out):
        height, width, channels = example.picture.shape
        assert (example.picture.dtype, channels) == (np.uint8, 3)
        assert min(width, height) >= 400
        assert max(width, height) == 640
        assert (example.boxes.dtype, example.boxes.shape) == (np.float32, (len(example.invalid), 4))
        assert 1 <= len(example.boxes) <= 60
        assert not example.invalid.any()


def test_an_example_depends_on_seed_and_index_only():
    examples = Crowds(4, seed=5)
    first = examples[2]
    for again in (examples[2], examples[-2], Crowds(3, seed=5)[2], pickle.loads(pickle.dumps(examples))[2]):
        np.testing.assert_array_equal(first.picture, again.picture)
        np.testing.assert_array_equal(first.boxes, again.boxes)
    for other in (examples[1], Crowds(4, seed=6)[2], Crowds(4, seed=5, held_out=True)[2]):
        assert first.picture.shape != other.picture.shape or (first.picture != other.picture).any()
    with pytest.raises(IndexError, match="example 4 of 4"):
        examples[4]


def test_a_crowd_has_exactly_the_faces_that_were_asked_for():
    for n in (0, 1, 100):
        example = crowd_of(n, seed=3, size=640)
        assert example.boxes.shape == (n, 4)
        assert example.picture.shape == (640, 640, 3)


def test_faces_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="crowd: 500 faces found, fewer that fit into 100 x 100 pixels expected"):
        crowd_of(500, seed=0, size=100)


def test_a_face_is_painted_where_its_box_is():
    """With white faces and nothing else, what is bright is in the boxes, and reaches their edges."""
    white = crowds.Image.new("RGB", (8, 8), (255, 255, 255))
    black = crowds.Image.new("RGB", (8, 8))
    with (
        patch.object(crowds, "face", lambda *_: white),
        patch.object(crowds, "material", lambda *_: black),
        patch.object(crowds, "NECK", np.array([0.5, 0.5, 0.01, 0.01])),
        patch.object(crowds, "background", lambda width, height, *_: np.zeros((height, width, 3), np.float32)),
        patch.object(crowds, "developed", lambda canvas, _: canvas.astype(np.uint8)),
    ):
        example = crowd_of(20, seed=0)
    bright = example.picture[:, :, 0] > 20
    for x1, y1, x2, y2 in example.boxes:
        inside = np.s_[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
        rows, columns = np.flatnonzero(bright[inside].any(axis=1)), np.flatnonzero(bright[inside].any(axis=0))
        margin = 1 + 0.05 * (y2 - y1)
        assert max(rows[0], columns[0]) <= margin
        assert rows[-1] >= y2 - y1 - 1 - margin
        assert columns[-1] >= x2 - x1 - 1 - margin
        bright[inside] = False
    assert not bright.any()


def test_held_out_faces_and_photographs_are_others():
    for pictures in (faces, photographs):
        used, held_out = ({picture.tobytes() for picture in pictures(which)} for which in (False, True))
        assert used
        assert held_out
        assert not used & held_out
    assert len({picture.tobytes() for picture in faces(False)}) == 81  # 80 and the astronaut
    assert len(faces(True)) == 20


def test_crowds_need_no_network_and_no_cache(tmp_path):
    """In a process that may not connect, with an empty home."""
    script = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('the network was asked')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from apps.faces.crowds import faces, photographs\n"
        "print(len(faces(False) + faces(True) + photographs(False) + photographs(True)))\n"
    )
    done = python("-c", script, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert int(done.stdout) > 100, done.stderr
