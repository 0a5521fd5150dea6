"""The command line of the digits, run as a user runs it."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from apps.faces.training import DetectorRecipe
from apps.mnist.models import MODELS
from framework import checkpoint
from tests.helpers import ROOT
from tests.helpers.checks import assert_same
from tests.helpers.programs import python


def run(*arguments, code=0, cwd=None):
    """Run `python -m apps.mnist`; returns what it printed."""
    done = python("-m", "apps.mnist", *arguments, cwd=cwd or ROOT)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small model trained for a moment on the built-in digits."""
    folder = tmp_path_factory.mktemp("runs") / "pooled"
    result = folder.with_suffix(".json")
    said = run(
        *("train", "--model", "pooled", "--data", "builtin", "--device", "cpu", "--iterations", 120, "--seed", 1),
        *("--output", folder, "--json", result),
    )
    return folder, json.loads(result.read_text()), said


def test_training_learns_and_says_how_well(trained):
    _, result, said = trained
    assert set(result) == {"model", "device", "data", "accuracy", "seconds", "steps_per_second"}
    assert result["model"] == "pooled"
    assert result["device"] == "cpu"
    assert 0.8 < result["accuracy"] <= 1
    assert f"{result['accuracy']:.2%}" in said
    assert "5000 digits" in result["data"] or "built" in result["data"]


def test_a_run_leaves_weights_log_and_figures(trained):
    folder, _, _ = trained
    names = {path.name for path in folder.iterdir()}
    figures = {"curves.png", "misclassified.png"}
    assert names == {"weights.safetensors", "checkpoint.safetensors", "metrics.jsonl", *figures}
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 120
    for picture in ("curves.png", "misclassified.png"):
        assert Image.open(folder / picture).size[0] > 300


def test_a_run_is_not_overwritten(trained):
    folder, _, _ = trained
    said = run("train", "--model", "pooled", "--data", "builtin", "--iterations", 1, "--output", folder, code=1)
    assert "holds a run already" in said


def test_evaluate_finds_the_accuracy_that_training_reported(trained):
    folder, result, _ = trained
    said = run("evaluate", "--weights", folder / "weights.safetensors", "--data", "builtin", "--device", "cpu")
    assert f"{result['accuracy']:.2%}" in said


def test_resuming_a_finished_run_changes_nothing(trained):
    folder, _, _ = trained
    tensors, facts = checkpoint.read(folder / "weights.safetensors")
    said = run("train", "--resume", folder, "--data", "builtin", "--device", "cpu")
    assert "resumed at step 120" in said
    again, facts_again = checkpoint.read(folder / "weights.safetensors")
    assert facts_again == facts
    assert_same(again, tensors)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--batch-size", 5), "--batch-size"),
        (("--shift", 1, "--seed", 0), "--seed"),
        (("--output", "here"), "--output"),
    ],
)
def test_a_run_goes_on_as_it_was_begun(trained, options, named):
    complaint = run("train", "--resume", trained[0], *options, code=1)
    line = "cannot be given with --resume, which goes on with a run as it was begun"
    assert complaint == f"apps.mnist train: {named}: {line}\n"


def test_a_run_of_another_kind_is_not_resumed(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.write(path, {}, {"settings": json.dumps(asdict(DetectorRecipe()))})
    complaint = run("train", "--resume", tmp_path, code=1)
    assert (
        complaint == f"apps.mnist train: {path}: no shift found in its settings, a run of a digit classifier expected\n"
    )


def test_weights_of_another_app_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {}, {"model": "lite", "matching": "refined"})
    complaint = run("evaluate", "--weights", path, code=1)
    assert complaint.startswith(f"apps.mnist evaluate: {path}: model 'lite' found, one of cnn6, fcc6, ")
    assert len(complaint.splitlines()) == 1


def test_predict_reads_a_picture_of_any_size_with_the_weights_that_ship(tmp_path):
    from apps.mnist.data import load

    digits = load("builtin")
    picture = np.kron(255 - digits.test_images[0], np.ones((7, 7), np.uint8))
    Image.fromarray(picture).convert("RGB").save(tmp_path / "digit.png")
    said = run("predict", tmp_path / "digit.png", "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())[0]
    assert found["digit"] == digits.test_labels[0]
    assert f"digit.png: {found['digit']}" in said
    assert abs(sum(found["probabilities"]) - 1) < 1e-5


def test_models_lists_every_model():
    said = run("models")
    for name in MODELS:
        assert f"\n{name} " in f"\n{said}"


def test_summary_shows_layers_shapes_and_costs():
    said = run("summary", "--model", "cnn6", "--batch-size", 50)
    assert "50 x 32 x 24 x 24" in said
    assert "667,948" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "--weights", "none.safetensors"), "none.safetensors: no such file"),
        (("predict", "none.png"), "none.png"),
        (("train", "--device", "cuda", "--data", "builtin"), "device cuda cannot be used"),
        (("train", "--batch-size", "9999", "--data", "builtin"), "--batch-size: 9999 is more than"),
    ],
)
def test_a_mistake_is_answered_in_one_line(arguments, message, tmp_path):
    if "cuda" in arguments:
        from kernels.gpu import gpu_is_available

        if gpu_is_available():
            pytest.skip("there is a GPU here")
    said = run(*arguments, code=1, cwd=tmp_path)
    assert message in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("arguments", [("train", "--iterations", "-3"), ("train", "--model", "cnn7"), ("dance",)])
def test_an_impossible_option_is_refused_with_what_is_allowed(arguments):
    said = run(*arguments, code=2)
    assert arguments[-1] in said
