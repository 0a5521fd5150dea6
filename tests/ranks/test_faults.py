"""Ranks that fail: who it was is said, all end within seconds, and a run goes on from its checkpoint."""

import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from framework import checkpoint
from tests.helpers import ROOT
from tests.helpers.checks import assert_same
from tests.helpers.mpi import carried_out, started

LONG = ("-m", "apps.mnist", "train", "--data", "builtin", "--model", "pooled", "--batch-size", 10)

# Seconds in which all must have ended; a launcher gives those that do not answer a few.
SOON = 20


def under_way(folder, ranks=2, steps=10**6, **environment):
    """A run that has made some steps, and the processes of its ranks."""
    process = started(
        ranks, *LONG, "--iterations", steps, "--checkpoint-every", 5, "--output", "run", folder=folder, **environment
    )
    limit = time.monotonic() + 120
    while lines_of(folder / "run") <= 10 and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.02)
    return process, processes_of(process)


def processes_of(process):
    """Those of its ranks, as it says itself."""
    said = ""
    while "ranks " not in said:
        said = process.stdout.readline()
    return [int(number) for number in re.findall(r"\d+", said.partition("processes")[2].partition(" on ")[0])]


def lines_of(run):
    log = run / "metrics.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def step_of(run):
    return int(checkpoint.read(run / "checkpoint.safetensors")[1]["step"])


def ended(process):
    """Exit status and what was said, soon."""
    since = time.monotonic()
    said = process.communicate(timeout=120)
    assert time.monotonic() - since < SOON
    return process.returncode, "".join(said)


def gone(numbers):
    """Whether no process is left of those, which may take a moment."""
    limit = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{number}") for number in numbers) and time.monotonic() < limit:
        time.sleep(0.05)
    return not any(os.path.exists(f"/proc/{number}") for number in numbers)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_killed_ends_all_and_the_run_goes_on_from_its_checkpoint(tmp_path, rank):
    """Most of the time of so small a network goes to sums over ranks, so it is killed in the midst of one."""
    process, numbers = under_way(tmp_path)
    os.kill(numbers[rank], signal.SIGKILL)
    status, error = ended(process)
    assert status != 0
    # The process by which the line `ranks` names it; or the other rank, where that was quicker to lose it in a sum.
    assert str(numbers[rank]) in error or f"rank {1 - rank} in comm 0): Fatal error" in error
    assert gone(numbers)
    assert step_of(tmp_path / "run") > 0
    assert step_of(tmp_path / "run") % 5 == 0
    rest = carried_out(
        2, "-m", "apps.mnist", "train", "--resume", "run", "--data", "mnist", folder=tmp_path, MNIST_DIR="nowhere"
    )
    assert "rank" in rest.stderr  # of other data, which all refuse
    assert rest.returncode == 1


def test_a_rank_that_hangs_is_waited_for_so_long_and_no_longer(tmp_path):
    process, numbers = under_way(tmp_path, HANDWRITTEN_PATIENCE="2")
    os.kill(numbers[1], signal.SIGSTOP)
    status, error = ended(process)
    assert status != 0
    assert "rank 0: the other ranks did not answer for 2 s: one of them hangs" in error
    assert gone(numbers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_ranks_leave_a_checkpoint_of_one_step_and_the_usual_status(tmp_path, number):
    process, numbers = under_way(tmp_path)
    process.send_signal(number)
    status, error = ended(process)
    assert status == 128 + number
    said = re.search(r"interrupted at step (\d+); go on with: python -m apps.mnist train --resume run", error)
    assert step_of(tmp_path / "run") == int(said[1])
    assert gone(numbers)


def test_an_interrupt_of_one_rank_stops_all_at_the_same_step(tmp_path):
    process, numbers = under_way(tmp_path)
    os.kill(numbers[1], signal.SIGTERM)
    status, error = ended(process)
    assert status == 143
    assert "interrupted at step" in error


def test_a_run_of_ranks_that_was_stopped_ends_with_the_bits_of_one_that_was_not(tmp_path):
    """By others than it was begun with it sees the same examples in the same order, and ends within rounding."""
    steps, weights = 60, {}
    for name, goes_on in (("whole", None), ("by 2", 2), ("by 1", 1), ("by 3", 3)):
        (folder := tmp_path / name).mkdir()
        if goes_on is None:
            assert carried_out(2, *LONG, "--iterations", steps, "--output", "run", folder=folder).returncode == 0
        else:
            process, _ = under_way(folder, steps=steps)
            process.terminate()
            assert ended(process)[0] == 143
            done = carried_out(goes_on, "-m", "apps.mnist", "train", "--resume", "run", folder=folder)
            assert done.returncode == 0, done.stderr
        weights[name] = checkpoint.read(folder / "run" / "weights.safetensors")[0]
    assert_same(weights["whole"], weights["by 2"])
    for name in ("by 1", "by 3"):
        for array, expected in zip(weights[name].values(), weights["whole"].values(), strict=True):
            assert np.linalg.norm(array - expected) < 0.02 * np.linalg.norm(expected)
    assert any((weights["by 1"][name] != weights["whole"][name]).any() for name in weights["whole"])


def test_ranks_that_are_killed_again_and_again_end_with_the_bits_of_those_that_were_not(tmp_path):
    """SIGKILL of either, at a moment nobody chose; so often as HANDWRITTEN_KILLS says."""
    generator, kills = random.Random(1), int(os.environ.get("HANDWRITTEN_KILLS", "3"))
    new = (*LONG, "--iterations", 60 * (kills + 1))
    resume = ("-m", "apps.mnist", "train", "--resume", "run")
    assert carried_out(2, *new, "--output", "whole", folder=tmp_path).returncode == 0
    run, stood = tmp_path / "run", [0]
    for _ in range(kills):
        begin = (*new, "--checkpoint-every", 1, "--output", "run") if not stood[-1] else resume
        process = started(2, *begin, folder=tmp_path)
        numbers = processes_of(process)
        while not run.exists() or lines_of(run) <= stood[-1] + 1:
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.3))
        os.kill(generator.choice(numbers), signal.SIGKILL)
        assert ended(process)[0] != 0
        assert gone(numbers)
        stood.append(step_of(run))
    assert stood == sorted(set(stood))
    assert carried_out(2, *resume, folder=tmp_path).returncode == 0
    assert_same(*(checkpoint.read(folder / "weights.safetensors")[0] for folder in (run, tmp_path / "whole")))
    assert (run / "metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()


def test_an_error_of_one_rank_is_named_with_it_and_ends_all(tmp_path):
    process = started(2, "-c", FAILS, folder=tmp_path)
    status, error = ended(process)
    assert status == 1
    assert "apps.mnist: rank 1: 3 of 4 found" in error


def test_a_fault_of_the_program_is_named_with_its_rank_too(tmp_path):
    process = started(2, "-c", FAILS.replace("raise DataError", "raise ZeroDivisionError"), folder=tmp_path)
    status, error = ended(process)
    assert status == 1
    assert "rank 1: ZeroDivisionError: 3 of 4 found" in error


# Rank 0 waits for rank 1, which fails.
FAILS = """
import sys
from apps import command_line
from apps.errors import DataError
from kernels.commands.command_line import command

def run(options):
    if options.ranks.rank == 1:
        raise DataError("3 of 4 found")
    options.ranks.gather(0)

sys.exit(command_line.run(command("python -m apps.mnist", run, "fails"), []))
"""


def test_where_there_is_no_mpi_one_line_says_what_to_install(tmp_path):
    hidden = (
        "import sys; sys.modules['mpi4py'] = None; from apps.mnist.__main__ import main; sys.exit(main(['models']))"
    )
    done = carried_out(2, "-c", hidden, folder=tmp_path)
    assert done.returncode == 1
    assert "started as one of several ranks, which need MPI: pip install 'handwritten[cluster]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("said", ["soon", "0", "nan"])
def test_a_patience_that_is_none_is_refused_in_one_line(tmp_path, said):
    done = carried_out(2, "-m", "apps.mnist", "models", folder=tmp_path, HANDWRITTEN_PATIENCE=said)
    assert done.returncode == 1
    assert f"HANDWRITTEN_PATIENCE: '{said}' found, seconds above 0 expected" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_mpi_that_is_not_the_launchers_is_noticed(tmp_path):
    """Each rank would take itself for the only one, and all would write the same run."""
    others = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "apps.mnist", "models"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **others},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "apps.mnist: started as one of 2 ranks, of which mpi4py knows 1: its MPI (" in done.stderr


def test_ranks_that_have_other_data_are_refused(tmp_path):
    """As where a machine could not fetch them."""
    other = (
        "import os, sys; from apps.mnist import data; from apps.mnist.__main__ import main\n"
        "if os.environ['PMI_RANK'] == '1': data.BUILTIN_SEED = 7\n"
        "sys.exit(main(['train', '--data', 'builtin', '--model', 'pooled', '--iterations', '2', '--output', 'run']))"
    )
    done = carried_out(2, "-c", other, folder=tmp_path)
    assert done.returncode == 1
    assert re.search(r"apps.mnist train: rank 1: the digest of the data is '\w+' there, '\w+' on rank 0", done.stderr)
    assert not (tmp_path / "run").exists()
