"""Where the source of a kernel comes from: a file, or what Python keeps of a cell; and what is said where it is not."""

import linecache
import subprocess
import sys

import numpy as np
import pytest

from kernels.gpu.source import SourceError

PROGRAM = """
import numpy as np
from kernels.gpu import cuda, device, float32, kernel

@device
def double(a):
    return a + a

@kernel
def scale(x, y):
    i = cuda.grid(1)
    y[i] = double(x[i])

x = np.arange(4, dtype=np.float32)
y = np.zeros_like(x)
launch = scale[1, 4](x, y)
"""
RUN = PROGRAM + "launch.interpret()\nprint(y)\n"
NOT_KEPT = "SourceError: scale: its source is not kept: put it into a file, from where it can be read"


def python(*arguments, program=None):
    done = subprocess.run([sys.executable, *arguments], input=program, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr.strip().splitlines()[-1] if done.returncode else done.stdout


@pytest.mark.parametrize("how", ["-c", "-"])
def test_a_kernel_of_the_command_line_runs_or_says_that_its_source_is_not_kept(how):
    """Python 3.13 keeps what follows -c, earlier ones do not; nobody keeps what comes from a pipe."""
    said = python("-c", RUN) if how == "-c" else python("-", program=RUN)
    keeps = sys.version_info >= (3, 13) and how == "-c"
    assert said.endswith("[0. 2. 4. 6.]\n" if keeps else NOT_KEPT)


def test_a_kernel_that_exec_made_says_that_its_source_is_not_kept():
    names = {"__name__": __name__}
    exec(PROGRAM, names)
    for run in (names["launch"].interpret, lambda: names["launch"].ptx("sm_90")):
        with pytest.raises(SourceError, match=NOT_KEPT.removeprefix("SourceError: ")):
            run()


def test_a_device_function_that_exec_made_says_so_too(tmp_path):
    names = {"__name__": "names"}
    exec("from kernels.gpu import device\n@device\ndef lost(a):\n    return a", names)
    file = tmp_path / "calls_lost.py"
    file.write_text("from kernels.gpu import kernel\n@kernel\ndef calls(y):\n    y[0] = lost(y[0])\n")
    exec(compile(file.read_text(), str(file), "exec"), names)
    with pytest.raises(SourceError, match="lost: its source is not kept"):
        names["calls"][1, 1](np.zeros(1, np.float32)).interpret()


def keep(name, text):
    """As a notebook keeps its cells."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)


@pytest.mark.parametrize("name", ["<cell 1>", "/nowhere/ipykernel_1/2.py"])
def test_a_kernel_of_a_cell_is_interpreted_and_compiled(name):
    keep(name, PROGRAM)
    names = {"__name__": "__main__"}
    exec(compile(PROGRAM, name, "exec"), names)
    names["launch"].interpret()
    assert list(names["y"]) == [0, 2, 4, 6]
    assert "scale" in names["launch"].ptx("sm_90")


def test_an_error_in_a_cell_shows_its_line():
    text = PROGRAM.replace("x[i])", "x[i + 1])")
    keep("<cell 2>", text)
    names = {}
    exec(compile(text, "<cell 2>", "exec"), names)
    with pytest.raises(Exception, match=r"x\[4\] is out of bounds .*, at <cell 2>:12: y\[i\] = double\(x\[i \+ 1\]\)"):
        names["launch"].interpret()


def test_the_text_of_something_else_is_not_taken_for_the_source():
    keep("<cell 3>", "@kernel\ndef other(x, y):\n    pass\n" * 9)
    names = {}
    exec(compile(PROGRAM, "<cell 3>", "exec"), names)
    with pytest.raises(SourceError, match="scale: its source is not kept"):
        names["launch"].interpret()
    keep("<cell 3>", PROGRAM.replace("def scale(x, y)", "def scale(a, b)"))
    exec(compile(PROGRAM, "<cell 3>", "exec"), names)
    with pytest.raises(SourceError, match="scale: its source is not kept"):
        names["launch"].interpret()
