"""The command gains: tables of what each rung gained, printed or written between the markers of a document."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kernels.__main__ import main
from kernels.bench.timing import HostClock, Timing
from kernels.commands.gains import MARKER, markdown, measured, rungs
from kernels.commands.targets import find_target, find_targets
from kernels.device import Device
from kernels.gpu.xray import Sums
from kernels.gpu.xray.sums import two_digits

LADDERS = Path(__file__).resolve().parents[2] / "docs" / "ladders.md"

SUMS = Sums(
    sectors=400,
    ideal_sectors=100,
    lines=50,
    wavefronts=0,
    ideal_wavefronts=0,
    flops=1000,
    slots=64,
    lanes=32,
    barriers=20,
    barriers_a_block=(20,),
    seconds=2e-6,
    without_caches=4e-6,
    limit="memory",
)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, []),
        ({"sectors": 100}, ["4.0 times fewer sectors"]),
        ({"sectors": 380, "flops": 1090}, []),
        ({"wavefronts": 550, "seconds": 1e-6}, ["12 times more turns", "2.0 times less predicted time"]),
        ({"flops": 3}, ["330 times fewer flops"]),
        ({"barriers": 0}, ["no barriers"]),
    ],
)
def test_gains_name_what_changed_by_a_tenth_or_more(changed, words):
    assert replace(SUMS, **changed).over(SUMS) == words


@pytest.mark.parametrize(("ratio", "text"), [(1.149, "1.1"), (9.94, "9.9"), (9.96, "10"), (21.4, "21"), (958, "960")])
def test_ratios_have_two_significant_digits(ratio, text):
    assert two_digits(ratio) == text


def test_a_table_has_a_row_for_each_rung_and_says_what_was_run(capsys, tmp_path):
    assert main(["gains", "softmax.forward", "--gpu", "t4", "--json", str(tmp_path / "gains.json")]) == 0
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == ["| rung", "| --:", "| 1", "| 2", "| 3", "| 4"]
    column = rows[0].split(" | ").index("instructions")
    assert rows[3].endswith(" | 50 of 50 |")
    assert "Of `x=50,10`;\naccesses joined as compiled for sm_75;\n" in printed
    assert "*at least* is predicted for the T4, nothing was measured." in printed
    found = json.loads((tmp_path / "gains.json").read_text())
    assert [(row["ladder"], row["rung"]) for row in found] == [("softmax.forward", rung) for rung in (1, 2, 3, 4)]
    first, second = (row["sums"]["sectors"] for row in found[:2])
    assert f"{two_digits(first / second)} times fewer sectors" in rows[3]
    executed = [row["instructions"] for row in found]
    assert [row.split(" | ")[column] for row in rows[2:]] == [f"{count:,}" for count in executed]
    assert f"{two_digits(executed[1] / executed[0])} times more instructions" in rows[3]
    assert f"{two_digits(executed[1] / executed[2])} times fewer instructions" in rows[4]


def test_without_a_compiler_instructions_are_not_counted(capsys, monkeypatch):
    monkeypatch.setattr("kernels.commands.gains.compiler_problem", lambda: "there is none")
    assert main(["gains", "softmax.forward"]) == 0
    printed = capsys.readouterr().out
    assert "times fewer sectors" in printed
    assert "times fewer instructions" not in printed


def test_tables_go_between_their_markers_and_all_other_text_stays(tmp_path):
    document = tmp_path / "tables.md"
    old = "<!-- gains softmax.backward -->\nold, too\n<!-- end -->\n"
    document.write_text(f"# Before\n\n{old}between\n<!-- gains add.forward -->\n<!-- end -->\nafter\n")
    assert main(["gains", "add", "--blocks", "4", "--write", str(document)]) == 0
    text = document.read_text()
    assert text.startswith(f"# Before\n\n{old}between\n<!-- gains add")
    assert "| 1 | One thread per value. |" in text
    assert text.endswith("<!-- end -->\nafter\n")
    assert main(["gains", "--blocks", "4", "--write", str(document)]) == 0
    assert "old, too" not in document.read_text()
    assert document.read_text().endswith(text[text.index("between") :])
    assert [path.name for path in tmp_path.iterdir()] == ["tables.md"]


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        ("nothing", [], "has no '<!-- gains OPERATION.LADDER -->' with an '<!-- end -->' after it"),
        ("<!-- gains add -->\n", [], "has no '<!-- gains OPERATION.LADDER -->' with an '<!-- end -->' after it"),
        ("<!-- gains add.forward -->\n<!-- end -->", ["iou"], "unknown marker 'iou'; choose from add.forward"),
        ("<!-- gains add.up -->\n<!-- end -->", [], "add: unknown ladder 'up'; choose from forward, backward"),
        ("<!-- gains linear.backward -->\n<!-- end -->", [], "linear.backward: has several ladders; choose from "),
    ],
)
def test_a_document_without_the_markers_is_one_line(text, words, problem, tmp_path, capsys):
    document = tmp_path / "tables.md"
    document.write_text(text)
    assert main(["gains", *words, "--write", str(document)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
    assert document.read_text() == text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["conv3d"], "unknown operation 'conv3d'; choose from activation, "),
        (["add", "--write", "nowhere.md"], "No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_line(words, problem, capsys):
    assert main(["gains", *words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--blocks", "0"], "argument --blocks: '0' is not a whole number of at least 1"),
        (["--gpu", "h2"], "unknown gpu 'h2'; choose from t4, a100, rtx4090, h100, h200"),
        (["--seconds", "0"], "argument --seconds: '0' is not a number above 0"),
    ],
)
def test_arguments_that_cannot_be_are_one_line(words, problem, capsys):
    with pytest.raises(SystemExit):
        main(["gains", "add", *words])
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line


def test_measured_times_make_two_columns_more():
    target = find_target("softmax.forward")
    timings = measured(target, HostClock(Device("interpret")), seconds=0.1)
    assert len(timings) == 4
    times = [Timing(median=m, fast=m, slow=m, best=m, runs=5) for m in (4e-6, 2e-6, 8e-6, 8e-6)]
    table = [line.split(" | ") for line in markdown(rungs(target, None, "h200"), times).splitlines()]
    assert table[0][-2:] == ["measured", "gained |"]
    gained = [["4 µs", " |"], ["2 µs", "2.0 times |"], ["8 µs", "0.2 times |"], ["8 µs", "1.0 times |"]]
    assert [row[-2:] for row in table[2:]] == gained


def test_every_ladder_that_is_one_has_its_table():
    marked = dict(MARKER.findall(LADDERS.read_text()))
    assert set(marked) == {str(target) for target in find_targets(None) if len(target.rungs) > 1}
    for name, text in marked.items():
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert len(rows) == 2 + len(find_target(name).rungs), name


@pytest.mark.parametrize("name", ["softmax.forward", "loss.forward", "iou.forward"])
def test_tables_are_what_the_command_writes(name):
    target = find_target(name)
    assert markdown(rungs(target, None, "h200"), None) in dict(MARKER.findall(LADDERS.read_text()))[name]
