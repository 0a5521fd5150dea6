"""The benchmarks as programs: their help, how they refuse, and what is printed and written of times."""

import importlib
import json
import os
import subprocess

import pytest

import kernels.__main__
from benchmarks import turns
from benchmarks.turns import OURS, YARDSTICK
from kernels.commands.command_line import CommandError
from kernels.gpu import gpu_is_available
from tests.helpers import ROOT
from tests.helpers.programs import python

PROGRAMS = ("detectors", "interpreter", "machine", "matching", "overfit", "start", "training_step")


def program(name):
    return importlib.import_module(f"benchmarks.{name}").main


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_benchmark_helps_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        program(name)(["--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert f"\nexample: python -m benchmarks.{name}" in said
    assert "--json" in said


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("detectors", "--cases look:lite", "argument --cases: 'look:lite' is not like look:lite:1:512"),
        ("detectors", "--cases look:vgg:1:64", "argument --cases: 'look:vgg:1:64': look or train, one of lite, "),
        ("detectors", "--repeats 0", "argument --repeats: '0' is not a whole number of at least 1"),
        ("interpreter", "now", "unrecognized arguments: now"),
        ("matching", "--iterations -1", "argument --iterations: '-1' is not a whole number of at least 1"),
        ("overfit", "--model vgg", "unknown model 'vgg'; choose from lite, facenet, faceresnet"),
        ("start", "--repeats none", "argument --repeats: 'none' is not a whole number of at least 1"),
        ("training_step", "--model cnn7", "unknown model 'cnn7'; choose from cnn6, "),
        ("training_step", "--json a.png", "argument --json: 'a.png' is not the name of a file that ends in .json"),
    ],
)
def test_an_impossible_option_is_refused_with_what_is_allowed(name, arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        program(name)(arguments.split())
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"benchmarks.{name}: {complaint}")
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(gpu_is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("name", ["detectors", "training_step"])
def test_a_gpu_that_is_not_there_is_refused_in_one_line(name, capsys):
    assert program(name)(["--device", "cuda"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"benchmarks.{name}: device cuda cannot be used: ")
    assert len(said.splitlines()) == 1


def test_pytorch_that_is_not_installed_is_refused_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(turns, "find_spec", lambda name: None)
    assert program("training_step")([]) == 1
    said = capsys.readouterr().err
    assert said == "benchmarks.training_step: PyTorch is not installed; --no-torch leaves it out\n"


def test_a_training_step_is_timed_and_written(tmp_path, capsys):
    options = ("--model", "lenet5", "pooled", "--batch-size", "1", "--repeats", "1", "--no-torch")
    assert program("training_step")([*options, "--json", str(tmp_path / "a.json")]) == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert (found["device"], found["batch"], list(found["milliseconds"])) == ("cpu", 1, ["lenet5", "pooled"])
    assert found["milliseconds"]["lenet5"][OURS] > 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "training step of lenet5, batch 1, cpu, 1 in turns"
    assert [line.split()[0] for line in said[1:3]] == ["median", OURS]
    assert said[3] == "training step of pooled, batch 1, cpu, 1 in turns"


def dies():
    """A competitor that cannot begin."""
    raise SystemExit("out of memory")


def test_a_competitor_that_ends_early_is_named_and_the_other_models_are_timed(monkeypatch, tmp_path, capsys):
    step = importlib.import_module("benchmarks.training_step")
    with pytest.raises(turns.Ended, match="a ended early; what it said stands above"):
        turns.in_turns({"a": (dies,)}, repeats=1)
    times = iter([turns.Ended("PyTorch ended early"), {OURS: [0.01]}])

    def in_turns(*_):
        if isinstance(result := next(times), Exception):
            raise result
        return result

    monkeypatch.setattr(step, "in_turns", in_turns)
    path = tmp_path / "steps.json"
    assert step.main(["--model", "cnn6", "fcc6", "--no-torch", "--json", str(path)]) == 1
    assert list(json.loads(path.read_text())["milliseconds"]) == ["fcc6"]
    assert "cnn6: PyTorch ended early" in capsys.readouterr().err


def test_starts_are_timed_and_written(tmp_path, capsys):
    assert program("start")(["--repeats", "1", "--no-training", "--json", str(tmp_path / "start.json")]) == 0
    found = json.loads((tmp_path / "start.json").read_text())
    assert list(found) == ["commands"]
    assert min(found["commands"].values()) > 0
    said = capsys.readouterr().out.splitlines()[1:]
    assert [line.partition("  ")[0] for line in said] == [f"python {words}" for words in found["commands"]]
    assert said[0].split()[-1] == "1.0"


def test_training_that_ends_before_its_first_step_is_not_timed(tmp_path, monkeypatch):
    start = importlib.import_module("benchmarks.start")
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))  # there are no digits
    with pytest.raises(CommandError, match="training on mnist ended with code 1 before its first step"):
        start.first_step("mnist", str(tmp_path / "cache"))


def test_a_machine_is_described(tmp_path, capsys):
    assert program("machine")(["--json", str(tmp_path / "machine.json")]) == 0
    found = json.loads((tmp_path / "machine.json").read_text())
    assert found["numba-cuda"][0].isdigit()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(found)


PYTHON = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in
*"profile --rung"*) exit 3 ;;
*detectors*) trap 'echo interrupted >>"$CALLS"; exit 130' INT; while :; do sleep 0.1; done ;;
esac
"""


def test_the_stages_for_a_gpu_all_run_whatever_becomes_of_one_and_their_commands_are_understood(tmp_path):
    """With a stand-in for Python: one stage fails, one takes too long."""
    script = (ROOT / "benchmarks" / "gpu.sh").read_text().replace('"detectors" 110', '"detectors" 5')
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "gpu.sh").write_text(script)
    (tmp_path / "python3").write_text(PYTHON)
    (tmp_path / "python3").chmod(0o755)
    calls = tmp_path / "calls"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OUT": str(tmp_path / "out"), "CALLS": str(calls)}
    done = subprocess.run(
        ["bash", str(tmp_path / "benchmarks" / "gpu.sh")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    said = [line.removeprefix("== ").partition(" in ")[0] for line in done.stdout.splitlines() if ": " in line]
    ended = said[: len(said) // 2]
    names = ["this machine", "first kernels", "tests", "kernels", "training steps", "detectors", "beside PyTorch"]
    assert [line.partition(":")[0] for line in ended] == names
    assert [line.partition(": ")[2].split()[0] for line in ended] == 3 * ["done"] + [
        "failed",
        "done",
        "stopped",
        "done",
    ]
    assert (tmp_path / "out" / "gpu.txt").read_text().strip() in done.stdout
    asked = calls.read_text().splitlines()
    assert "interrupted" in asked
    for words in (line.split() for line in asked if line.startswith("-m ")):
        if words[1] == "kernels":
            kernels.__main__.parser().parse_args(words[2:])
        elif words[1] != "pytest":
            with pytest.raises(SystemExit) as stopped:
                importlib.import_module(words[1]).main([*words[2:], "--help"])
            assert stopped.value.code == 0


def test_times_are_reported_with_their_ratio_to_the_yardstick(capsys):
    times = {OURS: [0.01, 0.02, 0.03], YARDSTICK: [0.04, 0.04, 0.04]}
    turns.report("a step", times, "pictures", units=2)
    title, heads, ours, yardstick = capsys.readouterr().out.splitlines()
    assert title == "a step"
    assert heads.split() == ["median", "ms", "10", "%", "to", "90", "%", "pictures/s", "of", "PyTorch's", "time"]
    assert ours.split() == [OURS, "20.00", "10.00", "to", "30.00", "100.0", "0.50"]
    assert yardstick.split() == [YARDSTICK, "40.00", "40.00", "to", "40.00", "50.0", "1.00"]
    assert turns.milliseconds(times) == pytest.approx({OURS: 20, YARDSTICK: 40, "ratio": 0.5})
    assert turns.milliseconds({OURS: [0.01]}) == pytest.approx({OURS: 10})


def test_a_competitor_finds_nothing_of_ours_imported():
    program = "import sys, benchmarks.detectors, benchmarks.training_step; sys.exit('kernels' in sys.modules)"
    assert python("-c", program, cwd=ROOT).returncode == 0


def environment(names):
    """A competitor, which is done when its process has the environment that it should."""
    found = {name: os.environ.get(name) for name in names}
    assert found == names, found
    return lambda: None


def test_how_our_threads_wait_is_not_handed_on_to_a_competitor(monkeypatch):
    monkeypatch.delitem(turns.ENVIRONMENT, "OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    times = turns.in_turns({"a": (environment, {"OMP_WAIT_POLICY": None})}, repeats=1, warm_up=1)
    assert len(times["a"]) == 1
