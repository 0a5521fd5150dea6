"""What all command lines share: how a command is run, how it fails, and how results are written."""

import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from kernels.commands.command_line import CommandError, Commands, add_json, command, run, write_json
from kernels.files import write_figure, write_whole
from tests.helpers import ROOT
from tests.helpers.programs import python


def carry_out(do, *arguments, errors=()):
    """Run a program of one command, which does this."""
    c = command("python -m here.now", lambda options: do(), "do something", "--json a.json")
    add_json(c)
    return run(c, list(arguments), errors)


def fail(error):
    raise error


def test_the_exit_code_is_that_of_the_command_or_0():
    assert carry_out(lambda: None) == 0
    assert carry_out(lambda: 7) == 7


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CommandError("unknown day 'Moonday'"), "unknown day 'Moonday'"),
        (CommandError("two\n  lines"), "two lines"),
        (FileNotFoundError(2, "No such file or directory", "a.png"), "a.png: No such file or directory"),
        (OSError("broken"), "broken"),
        (MemoryError(), "MemoryError"),
        (KeyError("x"), "'x'"),
    ],
)
def test_an_error_of_a_user_is_one_line(error, said, capsys):
    assert carry_out(lambda: fail(error), errors=(KeyError,)) == 1
    assert capsys.readouterr().err == f"here.now: {said}\n"


def test_an_error_of_ours_is_not_hidden():
    with pytest.raises(KeyError):
        carry_out(lambda: fail(KeyError("x")))


def test_an_interrupt_leaves_with_130_and_may_say_how_to_go_on(capsys):
    assert carry_out(lambda: fail(KeyboardInterrupt())) == 130
    assert carry_out(lambda: fail(KeyboardInterrupt("stopped; go on with --resume"))) == 130
    assert capsys.readouterr().err == "here.now: interrupted\nhere.now: stopped; go on with --resume\n"


def test_a_warning_is_a_note_and_not_a_result(capsys):
    assert carry_out(lambda: warnings.warn("a picture is broken", stacklevel=1)) == 0
    said, complained = capsys.readouterr()
    assert (said, complained) == ("", "note    a picture is broken\n")


def test_whoever_reads_the_output_may_stop_reading():
    program = "import sys; from kernels.commands.command_line import command, run; "
    program += "sys.exit(run(command('x', lambda options: print('line\\n' * 100000), 'x'), []))"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 1


def test_errors_name_the_command(capsys):
    commands = Commands("python -m here", "do something", "walk")
    commands.add("walk", lambda options: fail(CommandError("no way")), "walk", "walk")
    assert run(commands.parser, ["walk"]) == 1
    with pytest.raises(SystemExit) as stopped:
        run(commands.parser, ["run"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "here walk: no way\nhere: unknown command 'run'; choose from walk\n"


# --- Files


@pytest.mark.parametrize(
    ("file", "complaint"),
    [
        ("missing/a.json", "there is no folder {folder}/missing"),
        ("text/a.json", "there is no folder {folder}/text"),
        ("sealed/a.json", "nothing can be written in {folder}/sealed"),
    ],
)
def test_a_result_that_could_not_be_kept_is_not_worked_for(file, complaint, tmp_path, capsys, monkeypatch):
    (tmp_path / "text").write_text("")
    (tmp_path / "sealed").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "sealed")  # root may write anywhere
    with pytest.raises(SystemExit) as stopped:
        carry_out(lambda: fail(AssertionError()), "--json", str(tmp_path / file))
    assert stopped.value.code == 2
    complaint = complaint.format(folder=tmp_path)
    assert capsys.readouterr().err == f"here.now: argument --json: '{tmp_path / file}': {complaint}\n"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["sealed", "text"]


def test_what_is_no_number_is_null(tmp_path):
    write_json(tmp_path / "a.json", {"ap": math.nan, "losses": [1.5, math.inf]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"ap": None, "losses": [1.5, None]}
    write_json(None, "nobody asked")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a" / "b.txt"
    write_whole(path, b"old")
    monkeypatch.setattr("os.replace", lambda *_: fail(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in path.parent.iterdir()] == ["b.txt"]


def test_what_a_killed_process_left_of_a_file_is_taken_away_by_who_writes_it_next(tmp_path):
    program = "import os, sys; from pathlib import Path; from kernels.files import write_whole; "
    program += "os.replace = lambda *_: os.kill(os.getpid(), 9); write_whole(Path(sys.argv[1]), b'half')"
    path, other = tmp_path / "a.json", tmp_path / f".a.json.{os.getpid()}.x"
    other.write_text("of a process that runs")
    killed = python("-c", program, path)
    assert killed.returncode == -9
    assert len(list(tmp_path.iterdir())) == 2
    write_whole(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert set(tmp_path.iterdir()) == {path, other}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_figure_is_written_whole_or_not_at_all(error, tmp_path, monkeypatch):
    figure, path = Figure(), tmp_path / "a.png"
    write_figure(path, figure)
    drawn = path.read_bytes()
    assert drawn.startswith(b"\x89PNG")

    def stopped(stream, **_):
        stream.write(b"half of it")
        raise error

    monkeypatch.setattr(figure, "savefig", stopped)
    with pytest.raises(type(error)):
        write_figure(path, figure)
    assert path.read_bytes() == drawn
    assert list(tmp_path.iterdir()) == [path]


def test_nobody_writes_a_figure_past_the_one_who_writes_them_whole():
    files = [
        path
        for folder in ("kernels", "framework", "apps", "benchmarks", "docs")
        for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    writers = {path.relative_to(ROOT).as_posix() for path in files if ".savefig(" in path.read_text()}
    assert writers == {"kernels/files.py"}


# --- All programs


def test_only_the_floor_reads_arguments():
    """Nobody builds a parser of their own: every program has its errors, its --json and its help from here."""
    root = Path(__file__).resolve().parents[2]
    folders = ("kernels", "framework", "apps", "benchmarks", "docs")
    texts = {path: path.read_text() for folder in folders for path in (root / folder).rglob("*.py")}
    found = {str(path.relative_to(root)) for path, text in texts.items() if "argparse.ArgumentParser(" in text}
    assert found == set()
