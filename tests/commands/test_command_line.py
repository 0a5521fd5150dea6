"""The commands as a user runs them: what they print, what they write, and how they refuse."""

import json
import subprocess
import sys

import pytest

from kernels.__main__ import main, parser
from kernels.bench.timing import HostClock, Machine
from kernels.commands.command_line import CommandError
from kernels.commands.targets import case_of, cpu_ladders, find_target, require_operation
from kernels.gpu import Launch, gpu_is_available
from kernels.gpu.report import ReportError, find_tool


def kernels(*arguments, code=0):
    """Run `python -m kernels` and return what it printed; with another exit code than 0, what it complained of."""
    done = subprocess.run([sys.executable, "-m", "kernels", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_list_names_every_operation_its_equations_and_its_rungs(tmp_path):
    text = kernels("list", "--json", str(tmp_path / "list.json"))
    rows = {row["operation"]: row for row in json.loads((tmp_path / "list.json").read_text())}
    assert {"conv2d", "maxpool2d", "reshape"} <= set(rows)
    assert all(row["operation"] in text and row["equations"] in text for row in rows.values())
    assert list(rows["conv2d"]["ladders"]) == ["forward", "dx", "dw", "db"]
    assert all(line in text for rungs in rows["conv2d"]["ladders"].values() for line in rungs)
    of_cpu = {name: row["cpu_ladders"] for name, row in rows.items() if row["cpu_ladders"]}
    assert of_cpu == {
        target.operation.name: {
            each.name: [rung.adds for rung in each.cpu_ladder.rungs]
            for each in cpu_ladders()
            if each.operation is target.operation
        }
        for target in cpu_ladders()
    }
    assert all(line in text for ladders in of_cpu.values() for rungs in ladders.values() for line in rungs)


def test_show_prints_equation_rung_kernel_and_what_the_kernel_calls():
    text = kernels("show", "conv2d.forward", "--rung", "4")
    for part in ("eq. 20-28", "def forward_4(", "def product_registers(", "def multiply_tiles(", "def input_under("):
        assert part in text


def test_show_prints_a_rung_for_the_cpu_and_the_loops_that_it_calls(tmp_path):
    where = ("--device", "cpu", "--json", str(tmp_path / "show.json"))
    text = kernels("show", "batchnorm", "--rung", "2", *where)
    for part in ("eq. 37-42", "rung 2, once.", "def forward_once(", "def statistics(", "def moments(x):"):
        assert part in text
    assert "def normalize(" not in text
    assert json.loads((tmp_path / "show.json").read_text())["algorithm"] == "once"
    text = kernels("show", "conv2d", "--shape", "x=8,16,9,9", "w=16,16,3,3", "stride=2,2", *where)
    assert "rung 4, direct." in text
    assert "forward_winograd" not in text


def test_show_prints_ptx_for_an_architecture(tmp_path):
    text = kernels("show", "add", "--ptx", "--arch", "sm_80", "--json", str(tmp_path / "show.json"))
    assert ".target sm_80" in text
    assert json.loads((tmp_path / "show.json").read_text())["arch"] == "sm_80"


def test_show_prints_machine_code():
    try:
        find_tool("nvdisasm")
    except ReportError:
        pytest.skip("nvdisasm is not here")
    assert "EXIT" in kernels("show", "add", "--sass")


def test_a_tool_that_is_not_there_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr("cuda.pathfinder.find_nvidia_binary_utility", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ReportError, match="nvdisasm: not found; pip install nvidia-cuda-nvdisasm, or put"):
        find_tool("nvdisasm")


def test_inspect_writes_a_row_for_each_rung_and_architecture(tmp_path):
    kernels("inspect", "softmax.forward", "--arch", "sm_80,sm_90", "--json", str(tmp_path / "rows.json"))
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["rung"], row["arch"]) for row in rows] == [(r, a) for r in (1, 2, 3, 4) for a in ("sm_80", "sm_90")]
    for row in rows:
        assert {"kernel", "registers", "shared_bytes", "spill_bytes", "float64", "occupancy"} <= set(row)
        assert 0 < row["registers"] <= 255
        assert 0 < row["occupancy"] <= 1


def test_inspect_gives_many_rungs_to_processes_and_keeps_their_order(tmp_path):
    kernels("inspect", "transpose", "--json", str(tmp_path / "rows.json"))
    rows = json.loads((tmp_path / "rows.json").read_text())
    found = [(row["ladder"], row["rung"]) for row in rows]
    assert found == [(f"transpose.{name}", rung) for name in ("forward", "backward") for rung in (1, 2, 3, 4, 5)]


def test_inspect_counts_what_the_highest_rung_executes_of_a_whole_launch(tmp_path):
    words = ["--executed", "--shape", "x=3,64,40", "--arch", "sm_80,sm_90"]
    done = kernels("inspect", "transpose.forward", *words, "--json", str(tmp_path / "rows.json"))
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["rung"], row["arch"], row["kernel"]) for row in rows] == [
        (5, arch, "transpose_fours") for arch in ("sm_80", "sm_90")
    ]
    heads, *lines = (line.split() for line in done.splitlines())
    assert heads[3:5] == ["instructions", "for"]
    for row, line in zip(rows, lines, strict=True):
        assert row["scale"] == 1
        assert row["bytes"] == 2 * 4 * 3 * 64 * 40  # each value is loaded and stored once
        assert row["kinds"]["address"] > 0
        assert sum(row["kinds"].values()) == row["totals"]["threads"]
        assert line[4] == f"{row['totals']['threads']:,}"


def test_inspect_takes_a_rung_of_the_ladders_that_have_it(tmp_path):
    kernels("inspect", "linear", "--rung", "3", "--json", str(tmp_path / "rows.json"))
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert {(row["ladder"], row["rung"]) for row in rows} == {("linear.forward", 3), ("linear.dx", 3), ("linear.dw", 3)}


def test_settings_are_read_as_the_numbers_that_their_defaults_are():
    normalise, conv2d = require_operation("normalise"), require_operation("conv2d")
    assert case_of(normalise, ["x=1,2,2,2", "mean=0.5,1"]) == {"x": (1, 2, 2, 2), "mean": (0.5, 1.0)}
    with pytest.raises(CommandError, match=r"--shape: '1\.5,1' is not a value for stride"):
        case_of(conv2d, ["stride=1.5,1"])


def test_check_counts_the_cases_of_each_kernel(tmp_path):
    text = kernels("check", "add", "--seconds", "1", "--json", str(tmp_path / "check.json"))
    found = json.loads((tmp_path / "check.json").read_text())
    devices = {(row["direction"], row["device"], row["rung"]) for row in found["kernels"]}
    assert {("forward", "cpu", None), ("backward", "interpret", 1)} <= devices
    assert all(row["cases"] > 0 and row["relative"] <= row["tolerance"] for row in found["kernels"])
    assert not found["failures"]
    assert "add.forward on cpu" in text


def test_check_interprets_in_the_order_of_a_seed_and_nothing_else(monkeypatch, capsys):
    seeds = []
    interpret = Launch.interpret
    monkeypatch.setattr(
        Launch, "interpret", lambda launch, checked, seed: seeds.append(seed) or interpret(launch, checked)
    )
    assert main(["check", "add", "--seconds", "0.1", "--order", "5"]) == 0
    assert set(seeds) == {5}
    assert main(["check", "add", "--device", "cpu", "--order", "5"]) == 1
    assert capsys.readouterr().err == "kernels check: --order: is of what is interpreted, and not of cpu\n"


def test_profile_measures_a_kernel_against_the_machine_and_a_library(tmp_path):
    where = ("--json", str(tmp_path / "profile.json"), "--figure", str(tmp_path / "roofline.png"))
    shape = ("--shape", "x=8,64", "w=32,64")
    text = kernels("profile", "linear", *shape, "--against", "numpy", "--device", "cpu", "--seconds", "0.1", *where)
    found = json.loads((tmp_path / "profile.json").read_text())
    assert [row["kernel"] for row in found["kernels"]] == ["linear.forward", "linear.backward"]
    forward = found["kernels"][0]
    assert forward["shape"] == "x=8,64 w=32,64"
    assert forward["intensity"] == pytest.approx(2 * 8 * 64 * 32 / (4 * (8 * 64 + 64 * 32 + 8 * 32)))
    assert forward["gflops"] == pytest.approx(2 * 8 * 64 * 32 / forward["median"] / 1e9)
    assert forward["fast"] <= forward["median"] <= forward["slow"]
    assert forward["of_numpy"] > 0
    assert found["machines"][0]["bandwidth"] > 0
    assert (tmp_path / "roofline.png").read_bytes().startswith(b"\x89PNG")
    assert "linear.backward" in text


def test_profile_measures_every_rung_for_the_cpu_that_suits(tmp_path):
    where = ("--device", "cpu", "--seconds", "0.1", "--json", str(tmp_path / "profile.json"))
    text = kernels("profile", "softmax", "--rung", "all", *where)
    rows = json.loads((tmp_path / "profile.json").read_text())["kernels"]
    found = [(row["kernel"], row["rung"], row["algorithm"]) for row in rows]
    ladders = [find_target(f"softmax.{direction}") for direction in ("forward", "backward")]
    assert found == [(str(each), rung.number, rung.name) for each in ladders for rung in each.cpu_ladder.rungs]
    assert "cpu rung 2, kept" in text
    shape = ("--shape", "x=8,16,9,9", "w=16,16,3,3", "stride=2,2")
    for wanted, names in (("all", ["loops", "rows", "cores", "direct"]), ("last", ["direct"]), ("rows", ["rows"])):
        kernels("profile", "conv2d.forward", *shape, "--rung", wanted, *where)
        rows = json.loads((tmp_path / "profile.json").read_text())["kernels"]
        assert [row["algorithm"] for row in rows] == names


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("show add --device cpu", "add.forward: has no ladder for the CPU; choose from batchnorm.forward, "),
        ("show softmax.up --device cpu", "softmax: unknown direction 'up'; choose from forward, backward"),
        ("show softmax --device cpu --rung 9", "softmax.forward: unknown rung '9'; choose from 1, loops, 2, kept, "),
        ("show softmax --device cpu --ptx", "--ptx: is of what is compiled for a GPU, and not of --device cpu"),
        ("profile softmax --device cpu --rung up", "softmax.forward: unknown rung 'up'; choose from 1, loops, 2, kept"),
        ("gains softmax --device cpu --blocks 2", "--blocks: nothing is counted with --device cpu, it is measured"),
        ("gains softmax --shape x=2,2", "--shape: is for --device cpu, where a ladder for a GPU is counted on its typ"),
        ("list conv3d", "unknown operation 'conv3d'; choose from activation, "),
        ("show conv3d.forward", "unknown operation 'conv3d'; choose from activation, "),
        ("show conv2d.sideways", "conv2d: unknown ladder 'sideways'; choose from forward, backward, dx, dw, db"),
        ("show conv2d.forward --rung 9", "conv2d.forward: unknown rung 9; choose from 1, 2, 3, 4, 5"),
        ("show add --shape a=2,2", "--shape: add needs b, as in a=50,32,24,24 b=50,32,24,24"),
        ("show add --shape a=2,x", "--shape: '2,x' is not a value for a, as in a=50,32,24,24"),
        ("show add --shape a:2", "--shape: 'a:2' is not NAME=VALUE"),
        ("show add --shape c=2", "--shape: unknown array or setting 'c'; choose from a, b"),
        ("show add --shape a=2 a=3 b=2", "--shape: a is given twice, as a=2 and as a=3"),
        ("show add --shape a=", "--shape: '' is not a value for a, as in a=50,32,24,24: whole numbers below 2**31"),
        ("show add --shape a=-1", "--shape: '-1' is not a value for a, as in a=50,32,24,24: sizes are at least 1"),
        ("show add --shape a=3,0", "--shape: '3,0' is not a value for a, as in a=50,32,24,24: sizes are at least 1"),
        (
            "show add --shape a=1.5",
            "--shape: '1.5' is not a value for a, as in a=50,32,24,24: whole numbers below 2**31",
        ),
        (
            "show add --shape a=999999999999,1",
            "--shape: '999999999999,1' is not a value for a, as in a=50,32,24,24: whole",
        ),
        (
            "show add --shape a=2000000000,9 b=2000000000,9",
            "--shape: add with a=2000000000,9 b=2000000000,9 takes 402.",
        ),
        ("show maxpool2d --shape x=1,1,4,4 window=3", "maxpool2d: window (3,) must be a pair (rows, columns)"),
        (
            "show conv2d --shape x=1,1,4,4 w=1,1,2,2 stride=1,1,1",
            "conv2d: stride (1, 1, 1) must be a pair (rows, columns)",
        ),
        (
            "show conv2d --shape x=1,1,4,4 w=1,1,2,2 stride=a",
            "--shape: 'a' is not a value for stride, as in stride=1,1",
        ),
        ("show conv2d --shape stride=", "--shape: '' is not a value for stride, as in stride=1,1: whole numbers below"),
        (
            "show batchnorm --shape epsilon=nan",
            "--shape: 'nan' is not a value for epsilon, as in epsilon=1e-05: finite",
        ),
        (
            "show batchnorm --shape epsilon=",
            "--shape: '' is not a value for epsilon, as in epsilon=1e-05: finite numbers",
        ),
        (
            "show batchnorm --shape training=no",
            "--shape: 'no' is not a value for training, as in training=True: choose f",
        ),
        ("show add --shape a=2 b=3", "add: a (2,) and b (3,) must have the same shape"),
        ("inspect linear --rung 5", "unknown rung 5; choose from 1, 2, 3, 4"),
        ("inspect linear --shape x=2,2 w=2,3", "linear: "),
        ("inspect reshape", "unknown operation 'reshape'; choose from "),
        ("check add --rung 7", "--rung: none of these kernels has a rung 7"),
        (
            "profile add --device abacus",
            "unknown device 'abacus'; choose from auto, cuda, cpu, emulate, interpret, ref",
        ),
        ("profile add --against fortran", "unknown library 'fortran'; choose from numpy, torch"),
        ("profile add --rung two", "add.forward: unknown rung 'two'; choose from 1, 2, all, last"),
        ("profile linear.dx --device cpu", "linear.dx: on cpu the gradients are one call, profile linear.backward"),
    ],
)
def test_what_there_is_not_is_refused_in_one_line(arguments, complaint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(HostClock, "machine", lambda clock: Machine("CPU", 1e9, 1e9))
    (tmp_path / "text").write_text("no folder")
    assert main(arguments.split()) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"kernels {arguments.split()[0]}: {complaint}")
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(gpu_is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("command", ["check", "profile"])
def test_a_gpu_that_is_not_there_is_refused_in_one_line(command, capsys):
    assert main([command, "add", "--device", "cuda"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"kernels {command}: device cuda cannot be used: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "kernels: the following arguments are required: COMMAND"),
        (
            "dance",
            "kernels: unknown command 'dance'; choose from check, gains, inspect, list, profile, run, show, trace, "
            "xray",
        ),
        ("show", "kernels show: the following arguments are required: OPERATION[.LADDER]"),
        ("show add --rung 0", "kernels show: argument --rung: '0' is not a whole number of at least 1"),
        ("show add --arch sm_1", "kernels show: unknown architecture 'sm_1'; choose from sm_75, "),
        ("show add --ptx --sass", "kernels show: argument --sass: not allowed with argument --ptx"),
        ("inspect add --arch sm_80,sm_1", "kernels inspect: argument --arch: unknown architecture 'sm_1'; choose from"),
        ("inspect add --rung two", "kernels inspect: argument --rung: 'two' is not a whole number of at least 1"),
        (
            "check add --device abacus",
            "kernels check: unknown device 'abacus'; choose from cpu, interpret, emulate, cuda",
        ),
        ("check add --seconds -1", "kernels check: argument --seconds: '-1' is not a number above 0"),
        ("check add --seconds nan", "kernels check: argument --seconds: 'nan' is not a number above 0"),
        ("check add --case 1.5", "kernels check: argument --case: '1.5' is not a whole number of at least 0"),
        ("profile add --seconds 0", "kernels profile: argument --seconds: '0' is not a number above 0"),
        ("profile add --json a.png", "kernels profile: argument --json: 'a.png' is not the name of a file that ends"),
        ("show add --json no/a.json", "kernels show: argument --json: 'no/a.json': there is no folder no"),
        ("xray add --picture no/a.png", "kernels xray: argument --picture: 'no/a.png': there is no folder no"),
        (
            "xray add --picture worst",
            "kernels xray: argument --picture: 'worst' is not the name of a file that ends in",
        ),
        ("profile add --figure no/a.png", "kernels profile: argument --figure: 'no/a.png': there is no folder no"),
        ("gains add --write no/a.md", "kernels gains: argument --write: 'no/a.md': there is no folder no"),
    ],
)
def test_an_impossible_option_is_refused_with_what_is_allowed(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(complaint)
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("command", ["check", "inspect", "list", "profile", "show", "xray"])
def test_every_command_helps_with_an_example_that_parses(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    _, example = text.split("example: python -m kernels ")
    assert example.split()[0] == command
    assert parser().parse_args(example.split()).run
    assert "--json" in text
