"""The command xray, run as a user does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kernels.__main__ import main
from kernels.commands.targets import find_target
from kernels.commands.xray import counted, runs

TOUR = Path(__file__).resolve().parents[2] / "docs" / "kernels.md"

LEVELS = {"levels": (1000, 200)}
SMALL = ["--shape", "x=1,2,8,8", "w=4,2,3,3", "padding=1,1"]


def command(*words):
    return subprocess.run([sys.executable, "-m", "kernels", "xray", *map(str, words)], capture_output=True, text=True)


def test_a_rung_is_reported_as_text_json_and_picture(tmp_path):
    files = ["--json", tmp_path / "counts.json", "--picture", tmp_path / "worst.png"]
    done = command("conv2d.forward", "--rung", 2, *SMALL, "--blocks", 2, "--gpu", "t4", *files)
    assert done.returncode == 0, done.stderr
    assert "counted: 2 of them" in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if "total += x_tile" in line)
    assert line.split()[1] == str(2 * 2 * 8 * 18)  # blocks, channels, warps, and 9 loads of x_tile and w_tile each
    assert "on the T4" in done.stdout
    assert "accesses joined as compiled for sm_75" in done.stdout
    assert Image.open(tmp_path / "worst.png").format == "PNG"
    found = json.loads((tmp_path / "counts.json").read_text())
    assert (found["ladder"], found["gpu"]) == ("conv2d.forward", "t4")
    ((launch,),) = (rung["launches"] for rung in found["rungs"])
    assert {"accesses", "arithmetic", "barriers", "blocks", "flops", "prediction", "scale", "totals"} <= launch.keys()
    assert launch["barriers"] == 4
    assert launch["compiled_for"] == "sm_75"
    tile = next(a for a in launch["accesses"] if (a["array"], a["kind"]) == ("x_tile", "load"))
    assert tile["requests"] == tile["ideal_wavefronts"] == 2 * 2 * 8 * 9
    assert tile["wavefronts"] > tile["ideal_wavefronts"]
    assert len(tile["example"]["offsets"]) == 32
    assert launch["totals"]["shared_loads"]["requests"] == 2 * tile["requests"]
    assert launch["prediction"]["without_caches"] >= launch["prediction"]["seconds"]


def test_a_ladder_is_one_line_a_rung(tmp_path):
    done = command("conv2d.forward", "--rung", "all", *SMALL, "--json", tmp_path / "counts.json")
    assert done.returncode == 0, done.stderr
    table = [line.split() for line in done.stdout.splitlines()[2:9]]
    assert [row[0] for row in table] == ["rung", "1", "2", "3", "4", "5", "6"]
    assert "Accesses joined as compiled for sm_90." in done.stdout
    rungs = json.loads((tmp_path / "counts.json").read_text())["rungs"]
    assert [rung["rung"] for rung in rungs] == [1, 2, 3, 4, 5, 6]


def test_rungs_are_compared_by_what_they_execute(tmp_path):
    done = command("conv2d.forward", "--rung", "all", *SMALL, "--compiled", "--json", tmp_path / "counts.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2].split()[-6:] == ["instructions", "for", "4", "bytes", "for", "addresses"]
    rungs = json.loads((tmp_path / "counts.json").read_text())["rungs"]
    for rung in rungs:
        (launch,) = rung["launches"]
        assert launch["compiled"]["kinds"]["fma"] > 0
        assert launch["compiled"]["xray"]["blocks"] == launch["blocks"]
        stored = launch["compiled"]["xray"]["totals"]["global_stores"]
        assert stored == launch["totals"]["global_stores"]


def test_backward_has_the_values_of_a_forward_run_to_choose_its_addresses_by(tmp_path):
    shape = ["--shape", "x=2,3,8,8", "window=2,2", "stride=2,2"]
    done = command("maxpool2d.backward", "--rung", 1, *shape, "--blocks", 100, "--json", tmp_path / "counts.json")
    assert done.returncode == 0, done.stderr
    ((launch,),) = (rung["launches"] for rung in json.loads((tmp_path / "counts.json").read_text())["rungs"])
    assert launch["scale"] == 1
    (winners,) = (a for a in launch["accesses"] if a["array"] == "winner")
    (taken,) = (a for a in launch["accesses"] if a["array"] == "dy")
    assert winners["lanes"] == 2 * 3 * 8 * 8  # each value of x asks who won its window
    assert taken["lanes"] == 2 * 3 * 4 * 4  # and where it won, takes the delta-error: one value of each window


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["conv2d.forward", "--rung", "9"], "conv2d.forward: unknown rung 9; choose from 1, 2, 3, 4, 5"),
        (
            ["conv2d.forward", "--rung", "top"],
            "conv2d.forward: unknown rung 'top'; choose from 1, 2, 3, 4, 5, 6, all",
        ),
        (["conv2d.forward", "--rung", "all", "--picture", "a.png"], "--picture: shows the worst access of one rung"),
        (["conv2d.forward", "--shape", "x=1,1,2,2", "w=1,1,3,3"], "conv2d: kernel (3, 3) does not fit into input"),
        (["linear.db", "--shape", "x=2,3", "w=4,3"], "linear.db: there is nothing to launch for x=2,3 w=4,3"),
        (["conv2d.sideways"], "conv2d: unknown ladder 'sideways'"),
    ],
)
def test_what_cannot_be_is_one_line(words, problem):
    done = command(*words)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"kernels xray: {problem}")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--gpu", "h2"], "unknown gpu 'h2'; choose from t4, a100, rtx4090, h100, h200"),
        (["--blocks", "0"], "argument --blocks: '0' is not a whole number of at least 1"),
    ],
)
def test_what_nobody_could_mean_is_one_line(words, problem):
    done = command("conv2d.forward", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"kernels xray: {problem}\n"


def test_what_a_launch_leaves_to_the_next_is_there_before_the_next_is_counted():
    case = {"boxes": (1, 600, 4), "score": (1, 600)}
    compare, _ = launches = runs(find_target("nms.forward"), 3, case)
    xrays, *_ = counted(launches, blocks=1, gpu="h200")
    assert len(xrays[0].blocks) == 1
    bits = compare.args[1].copy()
    compare.interpret(checked=False)
    assert np.array_equal(bits, compare.args[1])
    assert bits[0, 300:].any()


def test_a_sample_has_blocks_with_nothing_to_do_in_their_proportion():
    launches = runs(find_target("assign_targets.forward"), 2, {"matched": (4, 1200)} | LEVELS)
    (_, fill), *_ = counted(launches, None, "h200")
    assert len(fill.blocks) == 2 * 16  # all: of a level of 1000 anchors and 4 pictures, and of one of 200
    assert fill.total("lanes", "global", "store") == 3 * 4 * 1200


def shown_commands():
    """What the tour shows: (the words of a command, the lines of code above it since the last command or heading)."""
    lines: list[str] = []
    for line in TOUR.read_text().splitlines():
        if line.startswith("    python -m kernels xray"):
            yield line.split()[4:], lines
            lines = []
        elif line.startswith("    "):
            lines.append(line)


def essence(line):
    """A line without its spaces and without the number of a source line, which moves with every edit above it."""
    return re.sub(r"^(\d+%.*?) \d+ (\S*[a-z])", r"\1 \2", " ".join(line.split()))


@pytest.mark.parametrize(("words", "lines"), [pytest.param(*c, id=" ".join(c[0][:3])) for c in shown_commands()])
def test_the_tour_shows_what_its_commands_print(words, lines, tmp_path, capsys):
    if "--picture" in words:
        *words, name = words
        assert (TOUR.parents[1] / name).is_file()
        words.append(str(tmp_path / "picture.png"))
    assert main(["xray", *words]) == 0
    printed = {essence(line) for line in capsys.readouterr().out.splitlines()}
    assert lines
    assert [line for line in lines if essence(line) not in printed] == []
