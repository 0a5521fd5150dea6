"""The command trace, run as a user does."""

import json

import pytest

from kernels.__main__ import main

PROGRAM = """
import numpy as np

from kernels.gpu import cuda, float32, kernel


@kernel
def scale(x, y, factor):
    i = cuda.grid(1)
    y[i] = factor * x[i]


def twice():
    x = np.ones(64, np.float32)
    y = np.zeros_like(x)
    return [scale[2, 32](x, y, float32(2)), scale[2, 32](y, x, float32(3))]
"""
SCALE = ["--grid", "2", "--block", "32", "--shape", "x=64", "y=64", "factor=2"]


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    (tmp_path / "scaled.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        try:
            code = main(["trace", *words])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return run


def test_a_kernel_of_ones_own_becomes_a_page(command, tmp_path):
    code, printed, _ = command("scaled.py:scale", *SCALE, "--block-number", "1", "--html", "a.html", "--json", "a.json")
    assert (code, printed) == (0, "wrote a.html: scale, block (1, 0, 0) of 2, 3 steps\n")
    assert "<title>scale, block (1, 0, 0)</title>" in (tmp_path / "a.html").read_text()
    assert json.loads((tmp_path / "a.json").read_text())["index"] == [1, 0, 0]


def test_a_later_launch_sees_what_those_before_it_have_left(command, tmp_path):
    code, _, _ = command("scaled.py:twice", "--launch", "2", "--html", "a.html", "--json", "a.json")
    assert code == 0
    assert json.loads((tmp_path / "a.json").read_text())["arrays"][0]["values"][0][:2] == [2, 2]


def test_a_rung_of_an_operation_becomes_a_page(command, tmp_path):
    code, printed, _ = command("softmax.forward", "--rung", "2", "--shape", "x=2,8", "--html", "a.html")
    assert code == 0
    assert printed.startswith("wrote a.html: forward_block, block (0, 0, 0) of 2, ")


def test_a_fault_is_told_and_is_no_error_of_the_command(command):
    code, printed, _ = command("scaled.py:scale", *SCALE[:-2], "y=40", "factor=2", "--html", "a.html")
    assert code == 0
    assert printed.splitlines()[0] == "wrote a.html: scale, block (0, 0, 0) of 2, 3 steps"
    words = [*SCALE[:-2], "y=40", "factor=2", "--block-number", "1,0,0", "--html", "a.html"]
    code, printed, _ = command("scaled.py:scale", *words)
    assert code == 0
    assert "OutOfBounds in step 2: scale: block (1, 0, 0), thread (8, 0, 0): y[40] is out" in printed.splitlines()[1]


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["softmax"], 2, "the following arguments are required: --html"),
        (["softmax", "--html", "a.txt"], 2, "argument --html: 'a.txt' is not the name of a file that ends in .html"),
        (["softmax", "--html", "no/a.html"], 2, "argument --html: 'no/a.html': there is no folder no"),
        (["softmax", "--html", "a.html", "--block-number", "-1"], 2, "argument --block-number: "),
        (["softmax", "--html", "a.html", "--block-number", "1,2,3,4"], 2, "argument --block-number: '1,2,3,4' is no"),
        (["softmax", "--html", "a.html", "--launch", "0"], 2, "argument --launch: '0' is not a whole number"),
        (["softmax", "--html", "a.html", "--rung", "all"], 1, "--rung: a page shows one of them, choose from 1, 2, 3"),
        (["softmax", "--html", "a.html", "--rung", "9"], 1, "softmax.forward: unknown rung 9; choose from 1, 2, 3"),
        (["softmax", "--html", "a.html", "--grid", "2"], 1, "--grid: is for a kernel of your own"),
        (["nothing", "--html", "a.html"], 1, "unknown operation 'nothing'"),
        (["scaled.py:scale", "--html", "a.html"], 1, "scaled.py:scale: is a kernel: it needs --grid, --block, --shape"),
        (["scaled.py:twice", "--html", "a.html", "--rung", "1"], 1, "--rung: scaled.py:twice has no rungs"),
        (["scaled.py:twice", "--html", "a.html", "--launch", "3"], 1, "--launch: there are 2 launches, and no 3"),
        (["scaled.py:twice", "--html", "a.html", "--block-number", "2"], 1, "--block-number: there is no block 2"),
    ],
)
def test_what_cannot_be_is_one_line(command, tmp_path, words, code, problem):
    got, printed, said = command(*words)
    assert (got, printed) == (code, "")
    (line,) = said.splitlines()
    assert line.startswith(f"kernels trace: {problem}")
    assert not (tmp_path / "a.html").exists()
