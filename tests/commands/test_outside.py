"""Operations that stand in a folder of a user's own: found, refused where they cannot be, and never in others' way."""

import json
import os
import sys

import numpy as np
import pytest

import kernels.operations
from apps.mnist.__main__ import main as mnist
from framework import Graph, Model
from kernels.__main__ import main
from kernels.device import find_device
from kernels.modules import OperationError
from kernels.operation import all_operations, find_operation
from kernels.operations import VARIABLE, add_folder
from tests.helpers import ROOT
from tests.helpers.programs import python

SPEC = """
from kernels.operation import Operation

operation = Operation(
    name="square",
    summary="Each value becomes its square.",
    inputs=("x",),
    outputs=("y",),
    gradients=("x",),
    needs=("x",),
    shapes=lambda x: {"y": x},
    flops=lambda x: (x[0], 2 * x[0]),
    case=lambda draw: {"x": (draw.integer(1, 5),)},
    typical={"x": (64,)},
)
"""
COMPUTED = """
def forward(x, y):
    y[...] = x * x


def backward(dy, x, dx):
    dx[...] = 2 * dy * x
"""
LADDER = """
from kernels.gpu import Ladder, cuda, float32, kernel, rung


@kernel
def forward_each(x, y):
    i = cuda.threadIdx.x
    y[i] = x[i] * x[i]


@kernel
def backward_each(dy, x, dx):
    i = cuda.threadIdx.x
    dx[i] = float32(2) * dy[i] * x[i]


@rung
def forward_1(x, y):
    \"\"\"One thread per value.\"\"\"
    return [forward_each[1, x.size](x, y)]


@rung
def backward_1(dy, x, dx):
    \"\"\"One thread per value.\"\"\"
    return [backward_each[1, x.size](dy, x, dx)]


forward, backward = Ladder("forward", forward_1, forward_1), Ladder("backward", backward_1, backward_1)
"""
ALL = {"__init__": SPEC, "reference": COMPUTED, "cpu": COMPUTED, "cuda": LADDER}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of a user's own. What is found in it is forgotten when the test ends."""
    monkeypatch.setattr(kernels.operations, "__path__", list(kernels.operations.__path__))
    monkeypatch.setenv(VARIABLE, os.environ.get(VARIABLE, ""))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(home, name="square", files=ALL, **changed):
    """The operation `square` in the folder, under another name, with some of its files or with others."""
    (home / name).mkdir()
    for file, text in {**files, **changed}.items():
        (home / name / f"{file}.py").write_text(text.replace('"square"', f'"{name}"'))
    return home


def only(*files):
    return {file: ALL[file] for file in ("__init__", *files)}


def run(home, capsys, *arguments):
    """The exit code of a command, what it printed and the lines that it complained in."""
    capsys.readouterr()
    code = main([*arguments, "--operations", str(home)])
    printed, complained = capsys.readouterr()
    return code, printed, complained.splitlines()


# --- Found


def started(*words):
    """What a process prints that is started outside of the project's folder."""
    done = python(*words, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("before", [True, False])
def test_the_option_stands_before_the_command_or_after_it(home, before):
    option, command = ("--operations", write(home)), ("list", "square")
    said = started("-m", "kernels", *option, *command) if before else started("-m", "kernels", *command, *option)
    assert said.startswith("square: Each value becomes its square.\n")


def test_the_processes_that_a_command_starts_find_it_too(home):
    said = started(
        "-m", "kernels", "inspect", "square", "--operations", write(home)
    )  # four rungs, so several processes
    assert said.count("square.forward: forward_each") == said.count("square.backward: backward_each") == 2


def test_several_folders_are_given_by_several_options(home, capsys):
    first, second = home / "first", home / "second"
    for folder, name in ((first, "square"), (second, "cube")):
        folder.mkdir()
        write(folder, name)
    assert main(["--operations", str(first), "list", "cube", "--operations", str(second)]) == 0
    assert main(["list", "square"]) == 0
    assert capsys.readouterr().out.count("implementations  reference, cpu, cuda\n") == 2


def test_a_network_in_a_script_takes_it(home):
    add_folder(write(home))
    graph = Graph("mine")
    graph.output("y", graph.add("square", x=graph.input("x", (3,))))
    model = Model(lambda batch: graph, "cpu")
    np.testing.assert_array_equal(model.inference(3, ("y",))(x=np.float32([1, 2, 3]))["y"], [1, 4, 9])
    add_folder(str(home))  # and once more is as good as once
    assert kernels.operations.__path__.count(str(home)) == 1


# --- Refused


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [
        ("missing", "{home}/missing: there is no such folder"),
        ("empty", "{home}/empty: has no operation in it, which is a folder with an __init__.py"),
        ("text", "{home}/text: there is no such folder"),
        ("a:b", "{home}/a:b: the name of a folder of operations cannot have ':' in it"),
        ("taken", "{home}/taken: names that are taken already: conv2d, samples"),
    ],
)
def test_a_folder_that_cannot_be_added_is_refused_in_one_line(home, folder, complaint, capsys):
    (home / "empty").mkdir()
    (home / "text").write_text("no folder")
    for name in ("a:b", "taken"):
        (home / name).mkdir()
        write(home / name)
    write(home / "taken", "conv2d")
    (home / "taken" / "samples.py").write_text("")
    complaint = complaint.format(home=home)
    with pytest.raises(SystemExit) as stopped:
        main(["list", "--operations", str(home / folder)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == f"kernels list: argument --operations: {complaint}\n"
    with pytest.raises(OperationError) as refused:
        add_folder(home / folder)
    assert str(refused.value) == complaint
    assert str(home / folder) not in kernels.operations.__path__


# --- With an error

BROKEN = {
    "syntax": ("x = 1\nx = = 2\n", ", line 2: SyntaxError: invalid syntax"),
    "raises": ("import math\n\nmath.sqrt(\n    -1)\n", ", line 3: ValueError: math domain error"),
    "exits": ("import sys\nsys.exit('enough')\n", ", line 2: SystemExit: enough"),
    "imports": ("import nowhere_to_be_found\n", ", line 1: ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    "lacks": (SPEC.replace("    outputs=", "    output="), ", line 4: TypeError: Operation.__init__() got an"),
    "bytes": ("x = '\0'\n", ": "),
    "nothing": ("", ": has no Operation that is named operation"),
    "other": (SPEC.replace("square", "cube"), ": its operation is named 'cube', unlike its folder"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_spec_with_an_error_takes_down_its_own_operation_alone(home, name, capsys):
    text, complaint = BROKEN[name]
    write(home, name, {"__init__": text})
    line = f"{name}: {home}/{name}/__init__.py{complaint}"
    code, _, complained = run(home, capsys, "show", name)
    assert (code, len(complained)) == (1, 1)
    assert complained[0].startswith(f"kernels show: {line}")
    with pytest.raises(OperationError) as refused:
        find_operation(name)
    assert str(refused.value).startswith(line)

    code, printed, complained = run(home, capsys, "list")
    assert (code, len(complained)) == (0, 1)
    assert complained[0].startswith(f"note    left out: {line}")
    assert "conv2d: " in printed
    with pytest.warns(UserWarning, match="left out: ") as warned:
        assert set(all_operations()) >= {"conv2d", "reshape"}
    assert len(warned) == 1


@pytest.mark.parametrize(
    ("file", "commands"),
    [
        (
            "cuda",
            ("list", "show", "inspect", "xray", "gains", "check --device interpret", "profile --device interpret"),
        ),
        ("cpu", ("check --device cpu", "profile --device cpu")),
        ("reference", ("check --device cpu", "show")),
    ],
)
def test_an_error_in_another_file_is_one_line_with_its_place(home, file, commands, capsys):
    write(home, **{file: "import numpy\n\n\nnumpy.no_such_thing\n"})
    line = f"square: {home}/square/{file}.py, line 4: AttributeError: module 'numpy' has no attribute 'no_such_thing'"
    for command in commands:
        name, *options = command.split()
        code, printed, complained = run(home, capsys, name, "square", *options)
        assert (code, printed, complained) == (1, "", [f"kernels {name}: {line}"])
    find_operation("conv2d").implementation(file)


def test_commands_that_ask_for_all_leave_out_what_cannot_be_used(home, capsys, monkeypatch):
    write(home, cuda="1 / 0\n")
    monkeypatch.setattr("kernels.commands.check.fuzz", lambda *_: None)
    monkeypatch.setattr("kernels.commands.inspect._compiled", lambda wanted: [])
    line = f"note    left out: square: {home}/square/cuda.py, line 1: ZeroDivisionError: division by zero"
    for command, expected in (("list", 0), ("inspect", 0), ("check --device interpret", 1)):
        code, printed, complained = run(home, capsys, *command.split())
        assert (code, complained) == (expected, [line])
        assert "square:" not in printed
        assert "square." not in printed


def test_a_direction_that_a_file_lacks_is_named(home):
    add_folder(write(home, cpu="def forward(x, y):\n    y[...] = x * x\n"))
    with pytest.raises(OperationError, match=r"^square: cpu\.py has no backward$"):
        find_operation("square").implementation("cpu")


def test_an_app_that_needs_it_says_so_in_one_line_and_others_do_not_notice(home, capsys, monkeypatch):
    write(home, "conv2d", {"__init__": "oops"})
    kernels.operations.__path__.insert(0, str(home))
    for name in [name for name in sys.modules if name.startswith("kernels.operations.conv2d")]:
        monkeypatch.delitem(sys.modules, name)
    assert mnist(["summary", "--model", "fcc6"]) == 0
    assert mnist(["summary", "--model", "lenet5"]) == 1
    line = f"conv2d: {home}/conv2d/__init__.py, line 1: NameError: name 'oops' is not defined"
    assert capsys.readouterr().err == f"apps.mnist summary: {line}\n"


# --- With some files only


def test_without_cuda_py_it_has_no_ladder_and_runs_elsewhere(home, capsys):
    write(home, files=only("reference", "cpu"))
    code, printed, _ = run(home, capsys, "list", "square", "--json", str(home / "a.json"))
    assert (code, printed.splitlines()[-1]) == (0, "    implementations  reference, cpu")
    assert json.loads((home / "a.json").read_text())[0]["ladders"] == {}
    code, printed, _ = run(home, capsys, "check", "square", "--seconds", "0.1")
    assert (code, [line.partition("  ")[0] for line in printed.splitlines()]) == (
        0,
        ["square.forward on cpu", "square.backward on cpu"],
    )
    code, printed, _ = run(home, capsys, "profile", "square", "--device", "cpu,reference", "--seconds", "0.01")
    assert (code, printed.count("square.forward "), printed.count("square.backward ")) == (0, 2, 2)
    assert not run(home, capsys, "list")[2]

    operation, given = find_operation("square"), {"x": np.float32([1, 2, 3])}
    for device in ("cpu", "reference"):
        np.testing.assert_array_equal(find_device(device).run(operation, "forward", given)["y"], [1, 4, 9])
    with pytest.raises(OperationError, match=r"^square: has no cuda\.py, only reference, cpu$"):
        find_device("interpret").run(operation, "forward", given)
    for command in ("show", "inspect", "xray", "gains", "profile --device interpret"):
        name, *options = command.split()
        code, printed, complained = run(home, capsys, name, "square", *options)
        assert (code, printed) == (1, "")
        assert complained == [f"kernels {name}: square: has no cuda.py, only reference, cpu"]
    code, _, complained = run(home, capsys, "check", "square", "--device", "interpret")
    assert (code, complained) == (1, ["kernels check: square: has no implementation that runs on interpret"])


def test_the_tests_of_every_operation_find_it_and_ask_for_no_ladder(home):
    files = ("tests/operations/test_operations.py", "tests/gpu/test_compiles.py", "tests/gpu/test_cases.py")
    write(home, files=only("reference", "cpu"))
    environment = {VARIABLE: str(home), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    done = python("-m", "pytest", "-q", "-k", "square", *files, cwd=ROOT, **environment)
    assert done.returncode == 0, done.stdout  # which it is not either where nothing is found


def test_without_cpu_py_it_is_interpreted(home):
    add_folder(write(home, files=only("cuda")))
    found = find_device("cpu").run(find_operation("square"), "forward", {"x": np.float32([1, 2, 3])})
    np.testing.assert_array_equal(found["y"], [1, 4, 9])


def test_without_reference_py_it_cannot_be_checked(home, capsys):
    write(home, files=only("cpu", "cuda"))
    code, _, complained = run(home, capsys, "check", "square")
    assert (code, complained) == (1, ["kernels check: square: has no reference.py, only cpu, cuda"])
    with pytest.raises(OperationError, match=r"has no reference\.py"):
        find_device("reference").run(find_operation("square"), "forward", {"x": np.float32([1])})


def test_list_names_what_pytorch_calls_it_too(home, capsys):
    write(home, torch="def forward(x):\n    return x * x\n")
    _, printed, _ = run(home, capsys, "list", "square")
    assert "    implementations  reference, cpu, cuda, torch\n" in printed
    _, printed, _ = run(home, capsys, "list", "reshape")
    assert "    implementations  torch (a view: nothing runs)\n" in printed
