"""The command gains with --device cpu: what each rung for CPU cores gained, measured, printed or written."""

import json
import re
from pathlib import Path

import pytest

from kernels.__main__ import main
from kernels.commands.gains_cpu import MARKER, markdown, shown
from kernels.commands.targets import case_of, cpu_ladders
from kernels.operation import find_operation

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cpu.md"


def test_a_table_has_a_row_for_each_rung_that_suits_and_says_what_was_measured(capsys, tmp_path):
    words = ["--device", "cpu", "--seconds", "0.1", "--json", str(tmp_path / "gains.json")]
    assert main(["gains", "softmax.forward", "--shape", "x=30,20", *words]) == 0
    printed = capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    assert [row[1] for row in rows[2:]] == ["loops", "kept", "cores"]
    assert re.search(r"Of `x=30,20`, measured on \d+ cores? of .+, with(out)? AVX-512\.", printed)
    found = json.loads((tmp_path / "gains.json").read_text())
    assert [(row["ladder"], row["case"], row["rung"]) for row in found] == [
        ("softmax.forward", "x=30,20", rung) for rung in (1, 2, 3)
    ]
    assert [row[3] for row in rows[2:]] == [shown(row["median"]) for row in found]


def test_a_rung_gains_what_the_time_of_the_one_before_it_is_of_its_own():
    given = {"adds": "a | b", "gflops": 12.34, "gbytes": 0.5}
    rows = [{"rung": n, "name": f"n{n}", "median": m, **given} for n, m in ((1, 8e-3), (2, 1e-3), (4, 0.25e-3))]
    assert markdown(rows).splitlines()[2:] == [
        "| 1 | n1 | a \\| b | 8.00 ms |  | 12.3 | 0.5 |",
        "| 2 | n2 | a \\| b | 1.00 ms | 8.0 times | 12.3 | 0.5 |",
        "| 4 | n4 | a \\| b | 250 µs | 4.0 times | 12.3 | 0.5 |",
    ]


def test_tables_go_between_their_markers_and_all_other_text_stays(tmp_path):
    document = tmp_path / "tables.md"
    old = "<!-- gains-cpu softmax.backward -->\nold\n<!-- end -->\n"
    both = "<!-- gains-cpu softmax.forward x=3,4 -->\n<!-- end -->\n<!-- gains-cpu softmax.forward -->\n<!-- end -->\n"
    document.write_text(f"# Before\n\n{old}between\n{both}after\n")
    words = ["--device", "cpu", "--seconds", "0.1", "--write", str(document)]
    assert main(["gains", "softmax.forward", *words]) == 0
    text = document.read_text()
    assert text.startswith(f"# Before\n\n{old}between\n<!-- gains-cpu softmax.forward x=3,4 -->\n\n| rung |")
    assert text.endswith("<!-- end -->\nafter\n")
    assert re.findall(r"Of `(.*?)`", text) == ["x=3,4", "x=50,10"]
    assert main(["gains", *words]) == 0
    assert "old" not in document.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["tables.md"]


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        ("nothing", [], "has no '<!-- gains-cpu OPERATION.DIRECTION -->' with an '<!-- end -->' after it"),
        (
            "<!-- gains-cpu add.forward -->\n<!-- end -->",
            [],
            "unknown ladder for the CPU 'add.forward'; choose from batch",
        ),
        ("<!-- gains-cpu linear.forward -->\n<!-- end -->", ["softmax.forward"], "choose from linear.forward"),
        ("<!-- gains-cpu linear.forward x=2 -->\n<!-- end -->", [], "--shape: linear needs w, as in x=50,512"),
        (
            "<!-- gains-cpu linear.forward -->\n<!-- end -->",
            ["linear", "--shape", "x=2,2"],
            "--shape: with --write the",
        ),
    ],
)
def test_what_cannot_be_is_one_line(text, words, problem, tmp_path, capsys):
    document = tmp_path / "tables.md"
    document.write_text(text)
    assert main(["gains", *words, "--device", "cpu", "--write", str(document)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
    assert document.read_text() == text


def test_every_ladder_for_the_cpu_has_its_table():
    """With the rungs that suit its case, as they are numbered, named and described now."""
    marked = MARKER.findall(PAGE.read_text())
    ladders = {str(target): target for target in cpu_ladders()}
    assert {name for name, _, _ in marked} == set(ladders)
    for name, words, text in marked:
        target = ladders[name]
        operation = find_operation(target.operation.name)
        case = case_of(operation, words.split())
        settings = {key: case.get(key, default) for key, default in operation.settings.items()}
        shapes = operation.all_shapes({key: case.get(key) for key in operation.inputs}, settings)
        known = {
            key: shapes.get(key, shapes.get(key.removeprefix("d"))) for key in operation.arguments(target.direction)
        }
        suiting = target.cpu_ladder.suiting(known | settings)
        rows = [line.split(" | ")[:3] for line in text.splitlines() if line.startswith("| ")]
        assert rows[2:] == [[f"| {rung.number}", rung.name, rung.adds.replace("|", "\\|")] for rung in suiting]
