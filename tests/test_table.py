"""Results as tables: aligned text for a terminal, escaped HTML for a notebook, alone and in lists."""

import re
from dataclasses import dataclass
from html import unescape

import numpy as np
import pytest

from kernels.bench.fuzz import Case, Judge, Subject
from kernels.gpu import cuda, float32, kernel
from kernels.gpu.report import report, reports
from kernels.gpu.xray import GPUS, Sums, predict, xray
from kernels.operation import find_operation
from kernels.table import Row, Rows, Shown, html, table


def cells(text):
    """What stands in the rows of an HTML table."""
    return [[unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in text.split("<tr>")[1:]]


def test_words_stand_to_the_left_and_numbers_to_the_right():
    assert table([("kernel", "ms"), ("add", 1.5), ("softmax", 10)]) == "kernel    ms\nadd      1.5\nsoftmax   10"
    assert table([("a", "b", "c"), ("aa", "bb", "cc")], left=2) == "a   b    c\naa  bb  cc"
    assert table([("a", "b", "c"), ("aa", "bb", "c ")], left=[2]) == " a   b  c\naa  bb  c"


def test_html_has_the_same_cells_and_takes_none_for_a_tag():
    rows = [("kernel", "n"), ("<script>", "1 & 2")]
    assert cells(html(rows)) == [list(row) for row in rows]
    assert "<script>" not in html(rows)
    styles = re.findall(r'style="text-align:(\w+)', html(rows))
    assert styles == ["left", "right"] * 2


@dataclass(repr=False)
class Score(Row):
    name: str
    points: int

    def row(self):
        return {"name": self.name, "points": self.points}


def test_a_result_prints_as_a_table_of_one_line_and_a_list_of_them_as_one_table():
    found = Rows([Score("ada", 10), Score("bo", 9)])
    assert str(found[0]) == repr(found[0]) == "name  points\nada       10"
    assert str(found) == repr(found) == "name  points\nada       10\nbo         9"
    assert cells(found._repr_html_()) == [["name", "points"], ["ada", "10"], ["bo", "9"]]
    assert cells(found[1]._repr_html_()) == [["name", "points"], ["bo", "9"]]
    assert str(Rows()) == "nothing"


class Titled(Shown):
    left = 2

    def title(self):
        return "of <two>"

    def cells(self):
        return [("a", "b", "c"), ("aa", "bb", 1)]


def test_a_title_stands_above():
    assert str(Titled()) == "of <two>\na   b   c\naa  bb  1"
    assert Titled()._repr_html_().startswith("<p>of &lt;two&gt;</p>\n<table>")


@kernel
def scale(x, y, factor):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = factor * x[i] if x[i] < float32(9) else x[i]


def launch():
    x = np.zeros(256, np.float32)
    return scale[4, 64](x, np.zeros_like(x), np.float32(2))


def test_reports_print_what_the_compiler_counts():
    found = reports([(launch(), "sm_80"), (launch(), "sm_90")])
    heads, *lines = str(found).splitlines()
    assert heads.split()[:5] == ["kernel", "arch", "registers", "shared", "spills"]
    assert [line.split()[:2] for line in lines] == [["scale", "sm_80"], ["scale", "sm_90"]]
    assert lines[1].split()[2] == str(found[1].registers)
    assert lines[1].endswith("100%  threads")
    assert str(report(launch(), "sm_90")).splitlines()[1].split() == lines[1].split()
    assert len(cells(found._repr_html_())) == 3


def test_a_prediction_prints_its_times_and_their_reason():
    counts = xray(launch())
    found = Rows(predict(counts, GPUS[name]) for name in ("t4", "h200"))
    heads, *lines = str(found).splitlines()
    assert heads.startswith("gpu ")
    assert heads.split()[-6:] == ["without", "caches", "at", "least", "because", "of"]
    assert [line.split()[0] for line in lines] == ["T4", "H200"]
    assert all(line.endswith(prediction.limit) for line, prediction in zip(lines, found, strict=True))
    sums = Sums.of([counts], found[1:])
    assert str(sums).splitlines()[0].split()[:2] == ["lanes", "active"]
    assert str(sums).splitlines()[1].split()[0] == "100.0%"


def test_an_xray_prints_source_lines_with_their_counts():
    counts = xray(launch())
    lines = str(counts).splitlines()
    assert lines[0] == "scale"
    (line,) = (line for line in lines if "y[i] = " in line)
    assert line.split()[:4] == ["100%", "6", "4.0", "/"]
    assert repr(counts) == str(counts)
    shown = counts._repr_html_()
    (row,) = (row for row in cells(shown) if "y[i] = " in row[-1])
    assert row[:3] == ["100%", "6", "4.0 / 4.0"]
    assert row[-1] == "        y[i] = factor * x[i] if x[i] < float32(9) else x[i]"  # escaped, and with its indentation
    assert "&lt; float32(9)" in shown
    assert "whole launch    4 times these counts" in shown


def test_a_verdict_prints_how_far_a_kernel_was_off():
    operation = find_operation("add")
    found = Judge(Case.draw(operation, 0, 0))(Subject(operation, "forward", "interpret", 1))
    assert str(found).splitlines()[0].split() == ["problem", "ulp", "relative"]
    assert str(found).splitlines()[1].split() == ["none", "0", "0.0e+00"]


@pytest.mark.parametrize("result", [launch, lambda: report(launch(), "sm_90"), lambda: xray(launch())])
def test_no_result_dumps_its_fields(result):
    assert not re.search(r"\w+\(\w+=", repr(result()))
