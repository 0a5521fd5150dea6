"""Kernels of a user's own file: x-rayed, inspected and checked from the command line, and how a file may be wrong."""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kernels.__main__ import main
from kernels.bench.loading import find
from kernels.bench.program import Given, array_arguments, program_of
from kernels.commands.command_line import CommandError
from kernels.commands.own import arguments
from kernels.gpu import Launch, device, kernel
from kernels.gpu.report import report
from kernels.gpu.xray import GPUS, predict, xray
from kernels.gpu.xray.roofline import foresight

PROGRAM = """
import numpy as np

from kernels.gpu import cuda, float32, kernel
from factors import FACTOR  # a neighbour


@kernel
def scale(x, y, factor, *, BLOCK=32):
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < x.size:
        y[i] = factor * x[i]


@kernel
def without_end(x, y, factor):
    i = cuda.grid(1)
    y[i] = factor * x[i]


@kernel
def without_barrier(x, y, *, BLOCK=32):
    tile = cuda.shared.array(BLOCK, float32)
    i = cuda.threadIdx.x
    tile[i] = x[i]
    if i > 0:
        y[i] = tile[i - 1]


@kernel
def without_writers(x, y):
    tile = cuda.shared.array(32, float32)
    i = cuda.threadIdx.x
    y[i] = x[i] + tile[i]


@kernel
def last_wins(x, y):
    y[0] = x[cuda.threadIdx.x]


@kernel
def first_come(x, y, n):
    i = cuda.threadIdx.x
    y[cuda.atomic.add(n, 0, 1)] = x[i]


@kernel
def divide(x, y):
    i = cuda.grid(1)
    y[i] = x[i] / (x[i] - x[i])


@kernel
def forgets_one(x, y, factor):
    i = cuda.grid(1)
    if i < x.size - 1:
        y[i] = factor * x[i]


@kernel
def swallows(x, y):
    i = cuda.grid(1)
    y[i] = max(x[i], float32(0))


@kernel
def gather(x, index, y):
    i = cuda.grid(1)
    y[i] = x[index[i]]


x, y = np.arange(64, dtype=np.float32), np.zeros(64, np.float32)
twice = scale[2, 32](x, y, float32(FACTOR))
both = [twice, scale(BLOCK=64)[1, 64](y, x, float32(3))]


def launches():
    return both


def fails():
    raise KeyError("x")


def returns_none():
    pass


def needs(x):
    return twice


number = 3


def expected(x, y, factor):
    y[...] = factor * x


def off(x, y, factor):
    y[...] = factor * x
    y[3] += 0.5


def relu(x, y):
    y[...] = np.maximum(x, 0)


def in_their_order(x, y):
    y[...] = x


def gathered(index, y, x):
    y[...] = x[index]


def rebinds(x, y, factor):
    y = factor * x


def hands_back(x, y, factor):
    return factor * x


def misnames(a, b):
    b[...] = a


def raises(x, y):
    y[...] = x[:3]
"""


def line_of(text):
    """Number of the line of the program that has this text."""
    return next(number for number, line in enumerate(PROGRAM.splitlines(), 1) if text in line)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a user's program, where nobody stands and which is on no path."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "factors.py").write_text("FACTOR = 2\n")
    for name in ("program", "factors", "wrong"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture
def kernels(folder, capsys):
    """Run a command on something of the program; returns (exit code, what it printed, what it complained of)."""

    def run(command, name, *words):
        code = main([command, f"{folder / 'program.py'}:{name}", *map(str, words)])
        return code, *capsys.readouterr()

    return run


SCALE = ["--grid", 2, "--block", 32, "--shape", "x=40", "y=40", "factor=2.0"]


# --- xray and inspect


def test_a_launch_is_xrayed_as_from_python(folder, kernels):
    code, printed, _ = kernels("xray", "twice")
    assert code == 0
    counts = xray(find(f"{folder / 'program.py'}:twice"))
    assert printed == f"{folder / 'program.py'}:twice\n\n{counts}\n{foresight(predict(counts, GPUS['h200']))}\n"
    assert "y[i] = factor * x[i]" in printed


def test_a_kernel_is_xrayed_on_the_arrays_that_shape_describes(folder, kernels):
    files = ["--json", folder / "a.json", "--picture", folder / "a.png"]
    code, printed, _ = kernels("xray", "scale", *SCALE, "--blocks", 2, "--gpu", "t4", *files)
    assert code == 0
    assert "grid of 2 x 1 x 1 blocks, block of 32 x 1 x 1 threads; counted: 2 of them" in printed
    assert "on the T4" in printed
    found = json.loads((folder / "a.json").read_text())
    assert found["program"].endswith("program.py:scale")
    (launch,) = found["launches"]
    assert launch["arrays"] == {"x": {"touched": 160, "bytes": 160}, "y": {"touched": 160, "bytes": 160}}
    assert found["seconds"] == launch["prediction"]["seconds"]
    assert Image.open(folder / "a.png").format == "PNG"


@pytest.mark.parametrize("name", ["both", "launches"])
def test_a_list_of_launches_or_a_function_that_returns_one_is_xrayed_launch_by_launch(kernels, name):
    code, printed, _ = kernels("xray", name)
    assert code == 0
    assert [line for line in printed.splitlines() if line.startswith("scale(")] == [
        "scale(BLOCK=32)",
        "scale(BLOCK=64)",
    ]


def test_what_is_executed_of_a_users_kernel_stands_beside_what_its_source_says(folder, kernels):
    code, printed, _ = kernels("xray", "scale", *SCALE, "--blocks", 2, "--compiled", "--json", folder / "a.json")
    assert code == 0
    assert "compiled for sm_90, 2 of the blocks" in printed
    (load,) = (line.split() for line in printed.splitlines() if line.startswith("global load x"))
    assert load[3:] == ["2", "2", "160", "160", "5", "5"]
    ((launch,),) = (json.loads((folder / "a.json").read_text())[name] for name in ["launches"])
    assert launch["compiled"]["xray"]["totals"]["global_loads"] == launch["totals"]["global_loads"]
    assert launch["prediction"]["instructions"] > 0
    code, printed, _ = kernels("inspect", "both", "--executed", "--arch", "sm_80,sm_90")
    assert code == 0
    assert [line.split()[:2] for line in printed.splitlines()[1:]] == [
        [f"scale(BLOCK={block})", arch] for block in (32, 64) for arch in ("sm_80", "sm_90")
    ]


def test_compile_time_parameters_stand_among_the_arguments(kernels):
    _, printed, _ = kernels(
        "inspect", "scale", "--grid", 1, "--block", 8, "--shape", "BLOCK=8", "x=8", "y=8", "factor=1.0"
    )
    assert "scale(BLOCK=8)" in printed


def test_inspect_prints_the_reports_of_all_that_is_launched(folder, kernels):
    code, printed, _ = kernels("inspect", "both", "--arch", "sm_80,sm_90", "--json", folder / "a.json")
    assert code == 0
    lines = printed.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [f"scale(BLOCK={block})", arch] for block in (32, 64) for arch in ("sm_80", "sm_90")
    ]
    one = report(find(f"{folder / 'program.py'}:twice"), "sm_80")
    assert str(one).split() == (lines[0] + " " + lines[1]).split()
    rows = json.loads((folder / "a.json").read_text())
    assert rows[0] == json.loads(json.dumps(one.as_dict()))


# --- What --shape says


@device
def first_of(values, n):
    return values[n]


@kernel
def of_all_kinds(x, y, table, count, n, flag, factor, *, BLOCK=64, SCALE=1.0):
    y[n] = first_of(x, n) * factor
    if flag and n < table.size:
        cuda.atomic.add(count, 0, 1)  # noqa: F821


def test_an_argument_that_a_kernel_indexes_is_an_array_and_any_other_a_number():
    assert array_arguments(of_all_kinds.source) == {"x", "y", "table", "count"}


def test_shape_gives_arrays_numbers_and_compile_time_parameters():
    words = ["x=2,3", "y=int32:4", "table=bool:5", "count=int64:1", "n=7", "flag=True", "factor=0.5"]
    words += ["BLOCK=16", "SCALE=float64:2.5"]
    found, given = arguments(of_all_kinds, words)
    assert [given[name] for name in ("x", "y", "table")] == [Given((2, 3)), Given((4,), "int32"), Given((5,), "bool")]
    assert (given["n"], given["flag"]) == (7, True)
    assert type(given["n"]) is int
    assert type(given["flag"]) is bool
    assert (given["factor"], type(given["factor"])) == (0.5, np.float32)
    assert found.source.constants == {"BLOCK": 16, "SCALE": 2.5}
    assert type(found.source.constants["SCALE"]) is np.float64
    assert type(arguments(of_all_kinds, [*words[:4], "n=uint8:7", *words[5:]])[1]["n"]) is np.uint8


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("x", "'x' is not NAME=VALUE"),
        ("z=3", "unknown argument 'z'; choose from x, y, factor, BLOCK"),
        ("x=", "x is an array: '' is not its sizes, as in x=32,8"),
        ("x=-3", "x is an array: '-3' is not its sizes"),
        ("x=0", "x is an array: '0' is not its sizes"),
        ("x=2.5", "x is an array: '2.5' is not its sizes"),
        (f"x={'9' * 5000}", "x is an array: '9999"),
        ("x=9999999,9999999", "the arrays of scale take 372,529.0 GiB, and at most "),
        ("x=float:3", "unknown type 'float'; choose from float32, float64, bool"),
        ("factor=2,3", "'2,3' is not a number, as factor is in the kernel"),
        ("factor=int8:300", "'300' is not a number of int8, as factor is in the kernel"),
        ("x=8", "scale needs y, factor, as in y=1024 factor=0.5"),
    ],
)
def test_a_shape_that_does_not_fit_is_one_line(kernels, word, problem):
    words = [word, "y=3", "factor=2.0"] if "9,9" in word else [word]
    code, printed, said = kernels("xray", "scale", "--grid", 1, "--block", 8, "--shape", *words)
    assert (code, printed) == (1, "")
    assert said.startswith(f"kernels xray: --shape: {problem}")
    assert said.count("\n") == 1


def test_a_shape_that_is_no_shape_is_refused_from_python_too():
    with pytest.raises(CommandError, match="unknown argument 'z'"):
        arguments(of_all_kinds, ["z=1"])


def test_integers_are_drawn_so_that_they_are_indices(folder, kernels):
    shape = ["--grid", 1, "--block", 16, "--shape", "x=7", "index=int32:16", "y=16"]
    code, printed, _ = kernels("check", "gather", *shape, *against(folder, "gathered"))
    assert code == 0, printed


def test_where_an_error_comes_from_is_shown_to_whoever_asks(kernels, monkeypatch):
    monkeypatch.setenv("HANDWRITTEN_DEBUG", "0")  # and so it is again afterwards
    _, _, plain = kernels("xray", "without_writers", *AS_ARRAYS)
    code, _, complaint = kernels("xray", "without_writers", *AS_ARRAYS, "--debug")
    assert code == 1
    assert plain.count("\n") == 1
    assert complaint.startswith("Traceback (most recent call last):")
    assert "interpreter/arrays.py" in complaint
    assert complaint.endswith("\n" + plain), "the one line stands below it"


AS_ARRAYS = ("--grid", 1, "--block", 32, "--shape", "x=32", "y=32")


# --- Files that are wrong


def in_file(folder, text, name="wrong.py"):
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no such file"),
        ("x = 1 / 0", "line 1: ZeroDivisionError: division by zero"),
        ("\nimport nothing_of_that_name", "line 2: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def f(:\n    pass", "line 1: SyntaxError: invalid syntax"),
        ("import sys\nsys.exit('no')", "line 2: SystemExit: no"),
    ],
)
def test_a_file_that_cannot_be_read_or_run_is_one_line(folder, capsys, text, problem):
    file = folder / "wrong.py"
    if text is not None:
        in_file(folder, text)
    for command in ("xray", "check", "inspect"):
        assert main([command, f"{file}:scale"]) == 1
        assert capsys.readouterr().err == f"kernels {command}: {file}: {problem}\n"


CHOICE = (
    "choose from scale, without_end, without_barrier, without_writers, last_wins, first_come, divide, forgets_one, "
    "swallows, gather"
)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nothing", f": unknown name 'nothing'; {CHOICE}, twice, launches, fails, returns_none"),
        ("number", ":number: is 3: no kernel of @kernel, no launch, and no function that returns launches"),
        ("returns_none", ":returns_none: is None: no kernel of @kernel, no launch"),
        ("x", ":x: is array([ 0., 1., 2."),
        ("fails", f":fails: line {line_of('raise KeyError')}: KeyError: 'x'"),
        ("needs", ":needs: is a function of x; a kernel has @kernel above it"),
        ("scale", ":scale: is a kernel: it needs --grid, --block, --shape (x, y, factor)"),
    ],
)
def test_what_cannot_be_launched_is_one_line(kernels, folder, name, problem):
    code, printed, said = kernels("xray", name)
    assert (code, printed) == (1, "")
    assert said.startswith(f"kernels xray: {folder / 'program.py'}{problem}")
    assert said.count("\n") == 1


def test_a_file_without_a_name_says_what_is_in_it(folder, capsys):
    assert main(["xray", str(folder / "program.py")]) == 1
    assert f"say which, as {folder / 'program.py'}:scale; {CHOICE}" in capsys.readouterr().err
    assert main(["xray", f"{in_file(folder, 'x = 3')}"]) == 1
    assert "the file has no kernel, and no function that takes nothing" in capsys.readouterr().err


def test_a_kernel_of_numbas_own_decorator_is_told_from_ours(folder, capsys):
    file = in_file(folder, "from numba import cuda\n@cuda.jit\ndef scale(x):\n    x[0] = 1\n")
    assert main(["xray", f"{file}:scale"]) == 1
    assert "scale: is made by Numba's cuda.jit: no kernel of @kernel" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words", "problem"),
    [
        ("twice", ["--grid", 3], "--grid: {}:twice says itself what it launches"),
        ("launches", ["--shape", "x=3"], "--shape: {}:launches says itself what it launches"),
        ("twice", ["--rung", 1], "--rung: {}:twice has no rungs"),
        ("scale", [*SCALE[:2], "--block", 2000, *SCALE[4:]], "scale: a block of (2000, 1, 1) cannot be"),
        (
            "without_end",
            SCALE,
            "without_end: block (1, 0, 0), thread (8, 0, 0): x[40] is out of bounds for shape (40,)",
        ),
    ],
)
def test_what_does_not_go_together_is_one_line(kernels, folder, name, words, problem):
    code, printed, said = kernels("xray", name, *words)
    assert (code, printed) == (1, "")
    assert said.startswith(f"kernels xray: {problem.format(folder / 'program.py')}")


def test_a_grid_that_is_no_grid_is_one_line(kernels):
    with pytest.raises(SystemExit):
        kernels("xray", "scale", "--grid", "4,0")
    with pytest.raises(SystemExit):
        kernels("xray", "scale", "--grid", "9" * 5000)
    assert kernels("xray", "scale", *SCALE, "x=3")[2].endswith("--shape: x is given twice\n")


@pytest.mark.parametrize("command", ["xray", "inspect", "check"])
def test_an_operation_takes_nothing_that_is_for_a_kernel_of_ones_own(command, capsys):
    assert main([command, "add", "--grid", "3"]) == 1
    assert capsys.readouterr().err == (
        f"kernels {command}: --grid: is for a kernel of your own, as my.py:scale, and not for an operation\n"
    )


# --- How a file is run


def test_a_file_may_be_called_as_something_that_is_installed(folder):
    file = in_file(
        folder, "from kernels.gpu import kernel\n@kernel\ndef one(x):\n    x[0] = 1\nname = __name__", "numba.py"
    )
    numba = sys.modules["numba"]
    assert find(f"{file}:one").name == "one"
    assert find(f"{file}:name") == str(file)
    assert sys.modules["numba"] is numba


def test_a_file_is_run_once_and_not_as_a_program(folder):
    file = in_file(
        folder, "import itertools\nruns = []\nruns.append(__name__)\nif __name__ == '__main__':\n    1 / 0\n"
    )
    assert find(f"{file}:runs") is find(f"{file}:runs")
    assert find(f"{file}:runs") == ["wrong"]


def test_arrays_of_a_program_are_those_of_its_launches_by_name(folder):
    program = program_of(f"{folder / 'program.py'}:both")
    assert list(program.arguments) == ["x", "y", "factor", "scale.factor"]
    assert isinstance(program.launches[0], Launch)
    before = program.arrays["y"].copy()
    program.interpret()
    assert not np.array_equal(program.arrays["y"], before)
    program.fill({"x": np.ones(64)})
    assert (program.arrays["x"] == 1).all()
    assert np.array_equal(program.arrays["y"], before)


# --- check


def test_a_kernel_without_a_fault_is_ok(folder, kernels):
    code, printed, _ = kernels("check", "scale", *SCALE, "--json", folder / "a.json")
    assert code == 0
    assert printed == f"{folder / 'program.py'}:scale      8 cases  ok\n"
    found = json.loads((folder / "a.json").read_text())
    assert found["failures"] == []
    assert found["kernels"][0]["cases"] == 8


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("without_barrier", "without_barrier: block (0, 0, 0), thread (1, 0, 0): reads tile[0] of shape (32,), which"),
        ("without_writers", "tile[0] of shape (32,) is read before any thread of the block wrote it"),
        ("last_wins", "last_wins: block (0, 0, 0), thread (1, 0, 0): writes y[0] of shape (32,), which"),
        ("divide", "y[0] becomes inf of finite values (--against tells if it must)"),
    ],
)
def test_a_kernel_with_a_fault_fails_and_says_where(folder, kernels, name, problem):
    words = ["--grid", 1, "--block", 32, "--shape", "x=32", "y=32", "--json", folder / "a.json"]
    code, printed, _ = kernels("check", name, *words)
    assert code == 1
    assert "1 cases  FAILS" in printed
    (failure,) = json.loads((folder / "a.json").read_text())["failures"]
    assert problem in failure["problem"]
    assert failure["problem"] in printed
    assert failure["arrays"]["x"] == [1.0] * 32


def test_what_depends_on_the_order_of_threads_is_found_in_another(folder, kernels):
    words = ["--grid", 1, "--block", 32, "--shape", "x=32", "y=32", "n=int32:1", *against(folder, "in_their_order")]
    assert kernels("check", "first_come", *words)[0] == 0
    code, printed, _ = kernels("check", "first_come", *words, "--order", 1)
    assert code == 1
    assert printed.splitlines()[-1].endswith(" --order 1 --seed 0 --case 0")


def test_an_index_outside_an_array_is_found(kernels):
    code, printed, _ = kernels("check", "without_end", *SCALE)
    assert code == 1
    assert "x[40] is out of bounds for shape (40,), at " in printed
    assert "y[i] = factor * x[i]" in printed


def against(folder, name):
    return ["--against", f"{folder / 'program.py'}:{name}"]


def test_a_kernel_is_held_against_a_function_of_numpy(folder, kernels):
    code, printed, _ = kernels("check", "scale", *SCALE, *against(folder, "expected"))
    assert code == 0
    assert "8 cases  worst         0 ulp  0.0e+00 relative, allowed 1e-05  ok" in printed
    assert kernels("check", "twice", *against(folder, "expected"))[0] == 0


def test_a_difference_is_shown_with_its_place_and_the_plainest_values(folder, kernels):
    code, printed, _ = kernels("check", "scale", *SCALE, *against(folder, "off"))
    assert code == 1
    lines = printed.splitlines()
    assert "1 cases" in lines[0]
    assert lines[1].endswith("allowed is 1e-05: y[3] is 2., expected 2.5")
    assert lines[2] == "    plainest values found, of plain ones:"
    assert lines[3] == "        x = [1., 1., ..., 1., 1.]"
    allowed = ["--tolerance", 0.5, "--case", 0]
    assert kernels("check", "scale", *SCALE, *against(folder, "off"), *allowed)[0] == 0


def test_a_value_that_is_not_written_is_found(folder, kernels):
    code, printed, _ = kernels("check", "forgets_one", *SCALE, *against(folder, "expected"))
    assert code == 1
    assert "y[39] is 1., expected 2." in printed


def test_a_nan_that_is_swallowed_is_found_by_the_kind_of_values_that_has_one(folder, kernels):
    words = ["--grid", 1, "--block", 32, "--shape", "x=32", "y=32", *against(folder, "relu")]
    code, printed, _ = kernels("check", "swallows", *words)
    assert code == 1
    assert "8 cases" in printed
    assert "y is finite where it must be infinite or no number" in printed
    assert "of nan ones" in printed


def test_a_failure_is_repeated_by_the_command_that_it_prints(folder, kernels, capsys):
    _, printed, _ = kernels("check", "scale", *SCALE, *against(folder, "off"), "--tolerance", 0.001)
    *_, repeat = printed.splitlines()
    words = shlex.split(repeat.removeprefix("    repeat: "))
    assert words[:4] == ["python", "-m", "kernels", "check"]
    assert main(words[3:]) == 1
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nothing", "unknown name 'nothing'"),
        ("number", "program.py:number is no function"),
        ("rebinds", "changes none of its arrays: let it fill them, as y[...] = 2 * x"),
        ("hands_back", "returns a value: let it fill its arrays, as y[...] = 2 * x"),
        ("misnames", "unknown argument 'a'; choose from x, y, factor"),
        ("raises", f": line {line_of('x[:3]')}: ValueError: could not broadcast input array"),
    ],
)
def test_a_function_that_knows_nothing_is_one_line(folder, kernels, name, problem):
    code, printed, said = kernels("check", "scale", *SCALE, *against(folder, name))
    assert (code, printed) == (1, "")
    assert said.startswith("kernels check: ")
    assert problem in said
    assert said.count("\n") == 1


def test_check_refuses_what_makes_no_sense_for_a_file(kernels):
    for option in ("--rung", "--device", "--tolerance"):
        value = "interpret" if option == "--device" else 1
        code, _, said = kernels("check", "twice", option, value)
        assert (code, said.startswith(f"kernels check: {option}: ")) == (1, True)


# --- As a process: where there is no path to the file, and what is seen meanwhile


def on_terminal(folder, *words):
    """Run the command with a terminal for standard error; returns what that shows."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with subprocess.Popen(
        [sys.executable, "-m", "kernels", *map(str, words)], stdout=subprocess.DEVNULL, stderr=theirs, cwd=ROOT
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:  # the other side has closed
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("command", "doing"),
    [
        ("xray", "compiling and interpreting scale"),
        ("inspect", "compiling"),
        ("check", "interpreting"),
    ],
)
def test_a_terminal_shows_what_takes_its_time_and_a_pipe_does_not(folder, command, doing):
    name = f"{folder / 'program.py'}:twice"
    assert doing in on_terminal(folder, command, name)
    words = [sys.executable, "-m", "kernels", command, name]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stderr == ""


def shown_commands():
    """Of the document's section about kernels of one's own: the file, and (command, what it prints) of each command."""
    text = (ROOT / "docs" / "commands.md").read_text()
    section = text.partition("## Kernels of one's own\n")[2].partition("\n## ")[0]
    program = re.search(r"```python file\n(.*?)```", section, re.DOTALL)[1]
    (block,) = re.findall(r"```\n(\$ .*?)```", section, re.DOTALL)
    return program, re.findall(r"^\$ python -m kernels (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def test_the_document_shows_what_its_commands_print(folder, monkeypatch, capsys):
    program, commands = shown_commands()
    (folder / "my.py").write_text(program)
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "my", raising=False)
    assert len(commands) == 3
    for words, said in commands:
        main(shlex.split(words))
        assert capsys.readouterr().out.replace(f"{folder}/", "") == said
