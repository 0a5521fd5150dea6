"""Weights files: they give the same model back, and say what they are for."""

from functools import partial

import numpy as np
import pytest

from framework import Model, checkpoint, weights
from framework.checkpoint import CheckpointError
from tests.helpers.checks import assert_same
from tests.helpers.networks import of_any_size, plain

MODELS = {"plain": plain, "of_any_size": of_any_size}
SIZES = {"small": 8, "large": 16}


def test_a_model_comes_back_with_what_is_known_of_it(tmp_path):
    path, model = tmp_path / "weights.safetensors", Model(plain, "cpu", seed=3)
    weights.save(model, path, data="digits", accuracy=0.5)
    loaded, facts = weights.load(path, {model.name: plain}, "cpu")
    assert facts == {"model": model.name, "data": "digits", "accuracy": "0.5"}
    assert_same(loaded.parameters.download(), model.parameters.download())


def test_a_fact_can_choose_how_the_model_is_built(tmp_path):
    path, model = tmp_path / "weights.safetensors", Model(of_any_size, "cpu")
    weights.save(model, path, size="large")
    loaded, _ = weights.load(path, {model.name: of_any_size}, "cpu", size=SIZES)
    assert isinstance(loaded.build, partial)
    assert loaded.build(1).values["image"].shape[-1] == 16


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({}, "no model found, one of plain, of_any_size expected"),
        ({"model": "cnn6"}, "model 'cnn6' found, one of plain, of_any_size expected"),
        ({"model": "plain"}, "no size found, one of small, large expected"),
        ({"model": "plain", "size": "huge"}, "size 'huge' found, one of small, large expected"),
    ],
)
def test_a_file_of_something_else_is_refused_by_what_it_says(tmp_path, facts, message):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {"x": np.zeros(1, np.float32)}, facts)
    with pytest.raises(CheckpointError, match=f"^{path}: {message}$"):
        weights.load(path, MODELS, "cpu", size=SIZES)


def test_weights_of_another_network_are_refused_by_name(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {"x": np.zeros(1, np.float32)}, {"model": "plain"})
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: x: the network has no such parameter"):
        weights.load(path, MODELS, "cpu")


def test_a_model_begins_with_what_another_learned(tmp_path):
    path, model = tmp_path / "weights.safetensors", Model(plain, "cpu", seed=3)
    weights.save(model, path)
    weights.begin_with(other := Model(plain, "cpu", seed=4), path)
    assert_same(other.parameters.download(), model.parameters.download())


@pytest.mark.parametrize("change", [lambda held: held | {"x": np.zeros(1, np.float32)}, lambda held: {}])
def test_a_model_does_not_begin_with_what_another_network_learned(tmp_path, change):
    path, model = tmp_path / "weights.safetensors", Model(plain, "cpu")
    before = model.parameters.download()
    checkpoint.write(path, change(before), {"model": "plain"})
    with pytest.raises(CheckpointError, match=rf"^{path}: \S+: (the network has no such parameter|is missing)"):
        weights.begin_with(model, path)
    assert_same(model.parameters.download(), before)


@pytest.mark.parametrize("text", ["a\nb", "line\r", "\x1b[2J", "\u2028"])
def test_what_would_be_more_than_a_line_or_command_a_terminal_is_refused(tmp_path, text):
    path, model = tmp_path / "weights.safetensors", Model(plain, "cpu")
    weights.save(model, path, data=text)
    with pytest.raises(CheckpointError, match=r"found, letters that can be printed expected$") as caught:
        weights.load(path, MODELS, "cpu")
    assert str(caught.value).isprintable()
    checkpoint.write(path, {text: np.zeros(1, np.float32)}, {"model": "plain"})
    with pytest.raises(CheckpointError, match=r"found, letters that can be printed expected$"):
        checkpoint.read(path)
