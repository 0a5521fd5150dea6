"""The benchmarks as programs: their help, how they refuse, and what is printed and written of times."""

import importlib
import json
import math
import os
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import kernels.__main__
from benchmarks import instruction_sets, rows, turns
from benchmarks.turns import OURS, YARDSTICK
from kernels.commands.command_line import CommandError
from kernels.gpu import gpu_is_available
from tests.helpers import ROOT
from tests.helpers.programs import python

PROGRAMS = (
    *(
        "cpu",
        "cuda",
        "detectors",
        "interpreter",
        "lessons",
        "machine",
        "memory",
        "numba_suite",
        "overfit",
        "programs",
        "recipes",
        "rivals",
        "start",
    ),
    "tile",
)


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
        ("cpu", "--model cnn7", "unknown model 'cnn7'; choose from cnn6, "),
        ("cpu", "--json a.png", "argument --json: 'a.png' is not the name of a file that ends in .json"),
        ("cpu", "--isa avx2,mmx", "argument --isa: 'avx2,mmx': this processor has "),
        ("cpu", "--write there.txt", "argument --write: 'there.txt' is not the name of a file that ends in .md"),
        ("cuda", "--cases forward:lite:1", "argument --cases: 'forward:lite:1' is not like train:cnn6:50 or forward:"),
        ("cuda", "--cases look:cnn6:1", "argument --cases: 'look:cnn6:1': forward or train, one of cnn6, "),
        ("cuda", "--cases train:vgg:1:64", "argument --cases: 'train:vgg:1:64': forward or train, one of cnn6, "),
        ("cuda", "--cases train:cnn6:0", "argument --cases: 'train:cnn6:0': forward or train, one of cnn6, "),
        ("cuda", "--repeats 0", "argument --repeats: '0' is not a whole number of at least 1"),
        ("detectors", "--side 0", "argument --side: '0' is not a whole number of at least 1"),
        ("interpreter", "now", "unrecognized arguments: now"),
        ("numba_suite", "--engines gpu", "unknown engines 'gpu'; choose from emulate, interpret, simulator"),
        ("recipes", "--iterations -1", "argument --iterations: '-1' is not a whole number of at least 1"),
        ("overfit", "--model vgg", "unknown model 'vgg'; choose from scout, lite, facenet, faceresnet"),
        ("programs", "--repeats 0", "argument --repeats: '0' is not a whole number of at least 1"),
        ("rivals", "--threads 0", "argument --threads: '0' is not a whole number of at least 1"),
        ("start", "--repeats none", "argument --repeats: 'none' is not a whole number of at least 1"),
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
def test_a_gpu_that_is_not_there_is_refused_in_one_line(capsys):
    assert program("cuda")([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("benchmarks.cuda: device cuda cannot be used: ")
    assert len(said.splitlines()) == 1


def test_pytorch_that_is_not_installed_is_refused_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(turns, "find_spec", lambda name: None)
    assert program("cpu")([]) == 1
    assert capsys.readouterr().err == "benchmarks.cpu: PyTorch, which is compared with, is not installed\n"


DOCUMENT = "# Speed\n<!-- speed -->\nof last year\n<!-- end of speed -->\nThe end.\n"


def test_networks_are_timed_beside_pytorch_and_written(tmp_path, capsys):
    """A model of each app; one form is left out, as it cannot be compiled: batch normalization of a single digit."""
    pytest.importorskip("torch")
    path, document, isa = tmp_path / "speed.json", tmp_path / "speed.md", instruction_sets.here()[-1]
    document.write_text(DOCUMENT)
    options = ["--model", "fcc6", "lite", "--batch-size", "1", "--repeats", "1", "--isa", isa, "--form", "contiguous"]
    assert program("cpu")([*options, "--json", str(path), "--write", str(document)]) == 0
    found = json.loads(path.read_text())
    names = ["forward:fcc6:1", "train:fcc6:1", "forward:lite:1:512", "train:lite:16:320"]
    assert [row["name"] for row in found["rows"]] == names
    for row in found["rows"]:
        assert row["baseline"] == "PyTorch, contiguous"
        assert row["instruction_set"] == isa
        assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    ratios = [row["ratio"] for row in found["rows"]]
    assert found["geometric_mean"] == pytest.approx(math.prod(ratios) ** (1 / 4))
    assert found["above_1"] == sum(ratio > 1 for ratio in ratios)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:-1]] == names
    assert said[-1] == rows.said(found["rows"])
    written = document.read_text()
    assert written.startswith("# Speed\n<!-- speed -->\n\nMeasured on: processor ")
    assert written.endswith(f"{isa}: {said[-1]}.\n\n<!-- end of speed -->\nThe end.\n")
    assert len([line for line in written.splitlines() if line.startswith("| `")]) == 3


def test_a_document_without_a_place_for_the_tables_is_refused_before_anything_is_timed(tmp_path, capsys):
    pytest.importorskip("torch")
    (tmp_path / "a.md").write_text("# Speed\n")
    assert program("cpu")(["--write", str(tmp_path / "a.md")]) == 1
    assert "has no '<!-- speed -->'" in capsys.readouterr().err


def refuses(*_):
    raise ValueError("no\ncompiler")


def sleeps(seconds):
    return lambda: time.sleep(seconds)


def test_the_fastest_form_is_the_yardstick_and_one_that_cannot_be_timed_is_left_out(monkeypatch):
    from benchmarks import cpu

    forms = {"contiguous": (sleeps, 0.02), "channels_last": (sleeps, 0.01), "compiled": (refuses,)}
    monkeypatch.setattr(cpu, "ours", sleeps)
    options = SimpleNamespace(form=list(forms), repeats=2, seconds=1.0)
    with turns.Processes() as processes:
        prepare = processes.prepare

        def prepared(name, *_):
            prepare(name, *forms.get(name.rpartition(", ")[2], (sleeps, 0.03)))

        monkeypatch.setattr(processes, "prepare", prepared)
        row, problems = cpu.compared(processes, "train:cnn6:1", "avx2", options)
    assert (row["baseline"], row["turns"], list(row["forms"])) == ("PyTorch, channels_last", 2, list(row["forms"])[:2])
    assert row["seconds"] == pytest.approx(0.03, rel=0.5)
    assert 1 < row["ratio"] < 6
    assert problems == {"PyTorch, compiled": "PyTorch, compiled: ValueError: no compiler"}


def test_all_models_are_timed_at_all_batches_unless_some_are_chosen():
    from benchmarks import cpu, networks

    found = [str(case) for case in cpu.cases(networks.names(), cpu.BATCHES, networks.KINDS)]
    assert len(found) == 8 * 2 * 3 + 4 + 1
    assert found[:3] == ["forward:cnn6:1", "train:cnn6:1", "forward:cnn6:50"]
    assert found[-4:] == [
        "forward:lite:1:512",
        "train:lite:16:320",
        "forward:facenet:1:512",
        "forward:faceresnet:1:512",
    ]
    assert [str(networks.Case.of(name)) for name in found] == found


def test_turns_end_when_time_is_up_but_not_before_the_fewest():
    with turns.Processes() as processes:
        processes.prepare("a", sleeps, 0.01)
        assert len(turns.take_turns(processes, ["a"], 20, seconds=0)["a"]) == turns.FEWEST
        assert len(turns.take_turns(processes, ["a"], 2, seconds=0)["a"]) == 2


CAPABILITY = """
import json, torch, numpy
from kernels.cpu.vectors import TILE
print(json.dumps([torch.backends.cpu.get_cpu_capability(), TILE, numpy.show_config(mode="dicts")["SIMD Extensions"]]))
"""


@pytest.mark.skipif("avx2" not in instruction_sets.here(), reason="AVX2 is of x86")
def test_the_switch_turns_avx512_off_in_ours_in_pytorch_and_in_numpy():
    pytest.importorskip("torch")
    done = python("-c", CAPABILITY, cwd=ROOT, **instruction_sets.switched({"MKL_CBWR": "AVX512"}, "avx2"))
    capability, tile, simd = json.loads(done.stdout)
    assert (capability, tile) == ("AVX2", 6)
    assert not [name for name in simd["found"] if name.startswith("AVX512") or name == "X86_V4"]
    assert "MKL_CBWR" not in instruction_sets.switched({"MKL_CBWR": "AVX512"}, "avx2")
    assert instruction_sets.switched({"A": "b", **instruction_sets.AVX2}, "avx512") == {"A": "b"}


def test_tiles_are_tried_and_the_best_and_those_in_use_marked(monkeypatch, tmp_path, capsys):
    from benchmarks import tile

    for name, few in (("LANES", (16,)), ("UNITS", (4,)), ("CHUNKS", (256, 512)), ("WORK", 1e6)):
        monkeypatch.setattr(tile, name, few)
    monkeypatch.setattr(tile, "heights", lambda lanes, bits: [2, 3])
    isa = instruction_sets.here()[-1]
    assert tile.main(["--isa", isa, "--repeats", "1", "--json", str(tmp_path / "tile.json")]) == 0
    found = json.loads((tmp_path / "tile.json").read_text())[isa]
    assert [each["sizes"] for each in found["tiles"][1:]] == [[2, 16], [3, 16]]
    assert all(each["gflops"] > 0 for each in found["tiles"] + found["blocks"])
    said = capsys.readouterr().out
    assert said.count("best") == said.count("in use") == 2


def test_the_inner_product_that_is_timed_is_a_convolution():
    """With every size of block; a job has 5 x 5 weights of 64 channels, whose sums are added to what is there."""
    from benchmarks import tile

    height, lanes, unit = 3, 16, 50
    expected = None
    for chunk in (tile.CHUNKS[0], tile.TERMS):
        sums = tile.product(height, lanes, unit, chunk, count=1)().reshape(-1, lanes)
        if expected is None:
            generator = np.random.default_rng(0)
            x = generator.standard_normal((2, tile.CHANNELS, tile.SIDE, tile.SIDE), np.float32)
            v = generator.standard_normal((tile.TERMS, lanes), np.float32)
            windows = np.lib.stride_tricks.sliding_window_view(x, (tile.KERNEL, tile.KERNEL), axis=(2, 3))
            expected = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, tile.TERMS)[: len(sums)] @ v
        np.testing.assert_allclose(sums, expected, rtol=1e-3, atol=1e-3)


def dies():
    """A competitor that cannot begin."""
    raise SystemExit("out of memory")


def test_a_competitor_that_ends_early_is_named_and_the_other_models_are_timed(monkeypatch, tmp_path, capsys):
    from benchmarks import cuda

    with pytest.raises(turns.Ended, match="a ended early; what it said stands above"):
        turns.in_turns({"a": (dies,)}, repeats=1)
    times = iter([turns.Ended("PyTorch ended early"), {OURS: [0.01]}])

    def in_turns(*_):
        if isinstance(result := next(times), Exception):
            raise result
        return result

    monkeypatch.setattr(cuda, "in_turns", in_turns)
    monkeypatch.setattr("kernels.device.cuda_problem", lambda: None)
    path = tmp_path / "steps.json"
    cases = ["--cases", "train:cnn6:50", "train:fcc6:50"]
    assert cuda.main([*cases, "--no-torch", "--json", str(path)]) == 1
    assert list(json.loads(path.read_text())["milliseconds"]) == ["train:fcc6:50"]
    said = capsys.readouterr()
    assert "train:cnn6:50: PyTorch ended early" in said.err
    assert said.out.splitlines()[0] == "train:fcc6:50, 20 in turns"


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
*faceresnet*) trap 'echo interrupted >>"$CALLS"; exit 130' INT; while :; do sleep 0.1; done ;;
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
    program = "import sys, benchmarks.cpu, benchmarks.cuda, benchmarks.tile; sys.exit('kernels' in sys.modules)"
    assert python("-c", program, cwd=ROOT).returncode == 0


def environment(names):
    """A competitor, which is done when its process has the environment that it should."""
    found = {name: os.environ.get(name) for name in names}
    assert found == names, found
    return lambda: None


def test_how_our_threads_wait_is_not_handed_on_to_a_competitor(monkeypatch):
    monkeypatch.delitem(turns.ENVIRONMENT, "OMP_WAIT_POLICY", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    times = turns.in_turns({"a": (environment, {"OMP_WAIT_POLICY": None})}, repeats=1)
    assert len(times["a"]) == 1


def test_old_weights_are_timed_beside_new(tmp_path, capsys):
    from apps.faces.detector import SHIPPED

    for name in ("old", "new"):
        shutil.copy(SHIPPED, tmp_path / f"{name}.safetensors")
    paths = [str(tmp_path / f"{name}.safetensors") for name in ("old", "new")]
    options = ["--side", "96", "--repeats", "3", "--device", "cpu", "--json", str(tmp_path / "times.json")]
    assert program("detectors")([*paths, *options]) == 0
    found = json.loads((tmp_path / "times.json").read_text())
    assert list(found) == ["old", "new"]
    assert found["old"]["ratio"] == 1
    assert found["new"]["ratio"] == pytest.approx(found["new"]["milliseconds"] / found["old"]["milliseconds"])
    said = capsys.readouterr().out
    assert said.startswith("a look at 96 x 96, 3 in turns\n")
    assert said.splitlines()[-1].split() == ["new", "of", "old's", "time", f"{found['new']['ratio']:.3f}"]


def test_files_of_one_name_are_told_apart_by_their_folders():
    from benchmarks.detectors import named

    one, other = Path("a/lite.safetensors"), Path("b/lite.safetensors")
    assert named([one, other]) == {"a/lite.safetensors": one, "b/lite.safetensors": other}
    assert named([one, Path("b/best.safetensors")]) == {"lite": one, "best": Path("b/best.safetensors")}


def test_a_file_that_is_no_detector_is_refused_before_anything_is_timed(tmp_path, capsys):
    (tmp_path / "x").write_text("no weights")
    for name, options in (("detectors", [str(tmp_path / "x")]), ("rivals", ["--weights", str(tmp_path / "x")])):
        assert program(name)(options) == 1
        said = capsys.readouterr().err.splitlines()
        assert len([line for line in said if not line.startswith("note ")]) == 1
        assert said[-1].startswith(f"benchmarks.{name}: {tmp_path / 'x'}: ")


def finds(threads, confidence):
    """In place of a detector: it finds one box, and when its time is taken another."""
    return lambda picture, everything: ([[0, 0, 9, 9]] if everything else [[5, 5, 9, 9]], [confidence]), 1000


def test_detectors_that_are_there_are_compared_and_those_that_are_not_are_named(monkeypatch, tmp_path, capsys):
    """Ours, and one more that finds the same box in each picture."""
    from benchmarks import rivals

    monkeypatch.delenv("WIDER_FACE_DIR", raising=False)
    monkeypatch.setattr(
        rivals,
        "RIVALS",
        {
            "one box": rivals.Rival("here", ("json",), partial(finds, confidence=0.5)),
            "no box": rivals.Rival("nowhere", ("no_such_module",), finds),
            "broken": rivals.Rival("here", (), refuses),
        },
    )
    options = ["--validation", "2", "--json", str(tmp_path / "rivals.json")]
    assert program("rivals")(options) == 0
    found = json.loads((tmp_path / "rivals.json").read_text())
    assert (found["pictures"], found["threads"]) == (2, 1)
    assert list(found["detectors"]) == ["scout, one look", "scout, as detect looks", "one box"]
    assert found["detectors"]["scout, one look"]["ap"] > found["detectors"]["one box"]["ap"]
    assert [row["parameters"] for row in found["detectors"].values()] == [923_257, 923_257, 1000]
    said = capsys.readouterr()
    assert "no box is left out: no_such_module not installed (pip install nowhere)" in said.err
    assert "broken is left out: broken: ValueError: no compiler" in said.err
    assert said.out.splitlines()[0].startswith("2 pictures held out, each detector with 1 thread")
