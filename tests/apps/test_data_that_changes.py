"""A file of the data changes while a run reads it: the run notices and keeps what it has, or is not touched at all."""

import os

import numpy as np
import pytest
from PIL import Image

from apps.errors import DataError
from apps.faces import data as faces
from apps.faces import training as detectors
from apps.faces.wider import Wider, read_wider
from apps.mnist import classifier, idx
from apps.mnist import data as mnist
from apps.mnist.models import MODELS
from framework import Model
from framework.run_state import RunState
from tests.helpers.checks import assert_same
from tests.helpers.digits import write_folder
from tests.helpers.wider_face import face, write_split

STEPS, CHANGED = 8, 5  # of a run; and that were made when the data change


@pytest.fixture
def digits(tmp_path):
    return write_folder(tmp_path / "mnist", train=30, test=5, compress=False)


@pytest.fixture
def photographs(tmp_path):
    write_split(tmp_path / "faces", "train", {f"0--A/{name}.png": [face(), face(9, 9, 9, 9)] for name in "abcdef"})
    write_split(tmp_path / "faces", "val", {"0--A/v.png": [face()]})
    return tmp_path / "faces"


def of_digits(folder, run):
    found = mnist.read_folder(folder, "here")
    chosen = classifier.recipe("single", batch=6, iterations=STEPS)
    model = Model(MODELS["single"], "cpu", chosen.seed)
    return classifier.trainer(found, chosen, model, run)


def of_photographs(folder, run):
    chosen = detectors.DetectorRecipe(iterations=STEPS, batch=6, sizes=(64,), warmup=2)
    found = faces.read_folder(folder, "here")
    crops = detectors.Crops(found.train, chosen)
    return detectors.trainer(found, chosen, chosen.make_model("cpu"), crops, run)


def trained(run, change=lambda: None):
    """Train, and change something before a step."""
    batches = run.batches

    def watched(step):
        if step == CHANGED:
            change()
        return batches(step)

    run.batches, run.evaluate = watched, None
    run.run(STEPS, progress=False)
    return run


def cut_off(path):
    os.truncate(path, path.stat().st_size // 2)


def written_over(path):
    content = bytearray(path.read_bytes())
    content[-5:] = b"other"
    path.write_bytes(content)


def replaced(path):
    other = path.with_name("other.png")
    if path.suffix == ".png":
        Image.new("RGB", (40, 30)).save(other)
    else:
        other.write_bytes(path.read_bytes()[:16] + bytes(path.stat().st_size - 16))
    os.replace(other, path)


def deleted(path):
    path.unlink()


CHANGES = [cut_off, written_over, replaced, deleted]


def assert_ends_and_goes_on(make, folder, run_folder, change, path, message):
    """One line; all steps that were made are kept; and with the file as it was, it goes on as if nothing had been."""
    before = path.read_bytes()
    with pytest.raises(DataError, match=message) as caught:
        trained(make(folder, run_folder / "run"), lambda: change(path))
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)
    assert RunState.read(run_folder / "run" / "checkpoint.safetensors").step == CHANGED
    path.write_bytes(before)
    again = make(folder, run_folder / "run")
    again.resume()
    whole = trained(make(folder, run_folder / "whole"))
    assert_same(trained(again).model.parameters.download(), whole.model.parameters.download())


@pytest.mark.parametrize("change", CHANGES[:2])
def test_digits_that_are_read_row_by_row(digits, tmp_path, monkeypatch, change):
    monkeypatch.setattr(idx, "HELD", 5 * 784)
    path = digits / "train-images-idx3-ubyte"
    assert_ends_and_goes_on(of_digits, digits, tmp_path, change, path, "bytes that were there when the run began")


def assert_not_touched(folder, run_folder, change, path):
    whole = trained(of_digits(folder, run_folder / "whole"))
    changed = trained(of_digits(folder, run_folder / "changed"), lambda: change(path))
    assert_same(changed.model.parameters.download(), whole.model.parameters.download())


@pytest.mark.parametrize("change", CHANGES[2:])
def test_digits_that_are_read_row_by_row_from_a_file_that_has_lost_its_name(digits, tmp_path, monkeypatch, change):
    monkeypatch.setattr(idx, "HELD", 5 * 784)
    assert_not_touched(digits, tmp_path, change, digits / "train-images-idx3-ubyte")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_digits_in_memory(digits, tmp_path, change, name):
    assert_not_touched(digits, tmp_path, change, digits / name)


@pytest.mark.parametrize("change", CHANGES)
def test_photographs(photographs, tmp_path, change):
    path = photographs / "train" / "images" / "0--A" / "c.png"
    message = "No such file" if change is deleted else "bytes that were there when the run began"
    assert_ends_and_goes_on(of_photographs, photographs, tmp_path, change, path, message)


def test_a_photograph_that_was_never_readable_is_left_out_as_before(photographs):
    path = photographs / "train" / "images" / "0--A" / "c.png"
    cut_off(path)
    listed, _ = read_wider(photographs, "train")
    with pytest.warns(UserWarning, match=r"c\.png: left out"):
        assert len(list(Wider(listed))) == 5
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"c\.png: 0 bytes found"):
        list(Wider(listed))


def test_annotations_are_read_once(photographs, tmp_path):
    """What a run knows of its photographs it knows from its start."""
    found = faces.read_folder(photographs, "here")
    (photographs / "wider_face_split" / "wider_face_train_bbx_gt.txt").write_text("")
    assert len(found.train) == 6
    np.testing.assert_array_equal(found.train[0].boxes, [[1, 2, 6, 8], [9, 9, 18, 18]])
