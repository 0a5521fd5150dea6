"""Damaged checkpoints, weights and logs: one line that names the file, and nothing of them is used."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from apps.mnist.__main__ import main
from apps.mnist.classifier import DigitRecipe
from apps.mnist.models import MODELS
from framework import Model, checkpoint, weights
from framework.checkpoint import CheckpointError
from framework.run_state import RunState
from tests.framework.test_trainer import logged, trainer
from tests.helpers.checks import assert_same
from tests.helpers.networks import regression

STEPS = 3


@pytest.fixture
def run(tmp_path):
    """A run of three steps."""
    run = trainer(tmp_path / "run", optimizer="adam")
    run.run(STEPS, progress=False)
    return run


def assert_refused(run, what):
    """A resumed run says what is wrong in one line that names the file, and stays as it was."""
    rest = trainer(run.folder, optimizer="adam")
    before, log = rest.model.parameters.download(), run.metrics_path.read_bytes()
    with pytest.raises(CheckpointError, match=what) as refused:
        rest.resume()
    assert str(refused.value).startswith(str(run.folder))
    assert "\n" not in str(refused.value)
    assert rest.step == 0
    assert_same(rest.model.parameters.download(), before)
    assert not any(array.any() for array in rest.optimizer.download().values())
    assert run.metrics_path.read_bytes() == log


def changed(run, **how):
    """Write the run's checkpoint with something else in it, as whole as any other."""
    replace(RunState.read(run.checkpoint_path), **how).write(run.checkpoint_path)


# --- files that are not as they were written


@pytest.fixture
def small(tmp_path):
    """A checkpoint as small as they come, its bytes, and how many of them are the header."""
    path = tmp_path / "small.safetensors"
    model = Model(regression, "cpu")
    RunState(model.parameters.download(), {}, 1, 0.5, {"model": "regression"}).write(path)
    content = path.read_bytes()
    return path, content, 8 + int.from_bytes(content[:8], "little")


def read_flipped(path, content, bit):
    """What is said of the file with one bit flipped."""
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    with pytest.raises(CheckpointError) as refused:
        RunState.read(path)
    return str(refused.value)


def test_every_flipped_bit_of_the_header_is_noticed(small):
    path, content, header = small
    for bit in range(8 * header):
        said = read_flipped(path, content, bit)
        assert said.startswith(f"{path}: "), bit
        assert "\n" not in said, bit


def test_every_flipped_bit_of_the_tensors_is_noticed(small):
    path, content, header = small
    for bit in range(8 * header, 8 * len(content)):
        assert "damaged" in read_flipped(path, content, bit), bit


def test_a_flipped_bit_anywhere_in_a_checkpoint_changes_nothing_of_a_run(run):
    content = run.checkpoint_path.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(content), 40):
        flipped = bytearray(content)
        flipped[place] ^= 1
        run.checkpoint_path.write_bytes(flipped)
        assert_refused(run, "damaged|safetensors|no checksum")


def test_a_checkpoint_cut_off_anywhere_is_refused(small):
    path, content, _ = small
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="not a safetensors file"):
            RunState.read(path)


def test_a_file_without_a_checksum_is_read_as_weights_but_not_as_a_run(tmp_path):
    from safetensors.numpy import save

    path = tmp_path / "foreign.safetensors"
    path.write_bytes(save({"x": np.ones(2, np.float32)}, {"by": "another program"}))
    assert checkpoint.read(path)[1] == {"by": "another program"}
    with pytest.raises(CheckpointError, match="no checksum found"):
        RunState.read(path)


# --- files that are whole, and not what is needed


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda array: np.where(array == array.max(), np.nan, array).astype(np.float32), "1 of .* not finite"),
        (lambda array: np.full_like(array, np.inf), "not finite"),
        (lambda array: array.astype(np.int32), "holds int32, the network needs float32"),
        (lambda array: array[..., :1], "has shape"),
    ],
)
@pytest.mark.parametrize("part", ["weights", "optimizer"])
def test_tensors_that_cannot_be_the_networks_are_refused_before_any_is_used(run, part, spoil, what):
    arrays = getattr(RunState.read(run.checkpoint_path), part)
    name = next(name for name in arrays if name.endswith("linear_1.weight"))
    changed(run, **{part: {**arrays, name: spoil(arrays[name])}})
    assert_refused(run, what)


def test_the_checkpoint_of_another_model_is_refused(run):
    changed(run, settings={**run.settings, "model": "cnn6"})
    assert_refused(run, "model is 'cnn6' there, 'plain' in this run")
    changed(run, settings=run.settings, weights={"x": np.ones(1, np.float32)})
    assert_refused(run, "x: the network has no such parameter")


def test_the_checkpoint_of_another_version_is_refused(run):
    tensors, metadata = checkpoint.read(run.checkpoint_path)
    for version, found in (("1", "version '1'"), ("3", "version '3'")):
        checkpoint.write(run.checkpoint_path, tensors, metadata | {"version": version})
        assert_refused(run, f"{found} found, the checkpoint of a run, version '2', expected")


@pytest.mark.parametrize(
    "spoilt", [{"step": "many"}, {"step": "-1"}, {"seconds": "x"}, {"settings": "{"}, {"settings": "[]"}]
)
def test_texts_that_say_nothing_are_refused(run, spoilt):
    tensors, metadata = checkpoint.read(run.checkpoint_path)
    checkpoint.write(run.checkpoint_path, tensors, metadata | spoilt)
    assert_refused(run, "not the checkpoint of a run")


# --- logs


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[1]", b"7", b"\xff\xfe", b'{"iteration": 2}', b'{"iteration": "2"}', b"[" * 100_000]
)
def test_a_damaged_line_of_the_log_is_named_and_the_log_stays(run, line):
    lines = run.metrics_path.read_bytes().splitlines()
    run.metrics_path.write_bytes(b"\n".join([lines[0], line, lines[2]]) + b"\n")
    assert_refused(run, "metrics.jsonl: line 2 is damaged, the record of a step expected")
    run.metrics_path.rename(run.folder / "damaged.jsonl")
    rest = trainer(run.folder, optimizer="adam")
    rest.resume()
    rest.run(STEPS + 1, progress=False)
    assert [record["iteration"] for record in logged(rest)] == [STEPS + 1]


# --- as a user meets them


@pytest.fixture
def said(capsys, monkeypatch):
    """Runs a command that must fail; returns its one line."""
    monkeypatch.delenv("MNIST_DIR", raising=False)

    def said(*words):
        assert main([*map(str, words)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return said


@pytest.fixture
def digits_run(tmp_path):
    """What a run of digits leaves, without having been one."""
    model = Model(MODELS["single"], "cpu")
    settings = {**asdict(DigitRecipe(model="single")), "data digest": "0"}
    state = {name: np.zeros_like(a) for name, a in model.parameters.download().items()}
    optimizer = {f"{kind}.{name}": array for kind in ("moment", "square") for name, array in state.items()}
    RunState(model.parameters.download(), optimizer, 5, 1.0, settings).write(tmp_path / "checkpoint.safetensors")
    weights.save(model, tmp_path / "weights.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("train", "--resume"), "checkpoint.safetensors"),
        (("evaluate", "--weights"), "weights.safetensors"),
        (("predict", "none.png", "--weights"), "weights.safetensors"),
    ],
)
def test_a_command_refuses_a_damaged_file_in_one_line(digits_run, said, words, file):
    path = digits_run / file
    whole = path.read_bytes()
    given = digits_run if words[0] == "train" else path
    path.write_bytes(whole[:-1])
    assert f"{path}: not a safetensors file" in said(*words, given)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert re.search(f"{path}: damaged, as what it holds has another checksum than it says$", said(*words, given))
    path.write_bytes(b"")
    assert f"{path}: not a safetensors file" in said(*words, given)


def test_weights_that_are_no_numbers_are_not_predicted_with(digits_run, said):
    path = digits_run / "weights.safetensors"
    tensors, facts = checkpoint.read(path)
    name = next(iter(tensors))
    checkpoint.write(path, {**tensors, name: np.full_like(tensors[name], np.nan)}, facts)
    assert f"{path}: {name}: " in said("predict", "none.png", "--weights", path)


def test_the_settings_of_a_run_that_cannot_be_are_refused_in_one_line(digits_run, said):
    path = digits_run / "checkpoint.safetensors"
    state = RunState.read(path)
    for spoilt in ({"iterations": -1}, {"batch": "many"}, {"rate": None}, {"smooth": 7}):
        replace(state, settings={**state.settings, **spoilt}).write(path)
        assert said("train", "--resume", digits_run).startswith(f"apps.mnist train: {path}: ")


def test_the_data_of_a_run_are_known_by_their_digest(digits_run, said):
    line = said("train", "--resume", digits_run, "--data", "builtin")
    assert re.search("checkpoint.safetensors: data digest is '0' there, '[0-9a-f]{16}' in this run$", line)
    assert json.loads(checkpoint.read(digits_run / "checkpoint.safetensors")[1]["settings"])["data digest"] == "0"
