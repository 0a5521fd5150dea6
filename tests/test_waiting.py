"""Cores that wait stay awake where nothing else runs, and sleep where something does or nobody knows."""

import os
from itertools import cycle

import pytest

from kernels import waiting


@pytest.fixture(autouse=True)
def one_thread(monkeypatch, tmp_path):
    """Of this process, as its folder tells; and one that sleeps, whose name is a trap."""
    for number, stat in enumerate(("1 (python) R 0 1 1", "2 (a) R (b) S 0 1 1")):
        (tmp_path / "task" / str(number)).mkdir(parents=True)
        (tmp_path / "task" / str(number) / "stat").write_text(stat)
    monkeypatch.setattr(waiting, "TASKS", tmp_path / "task")


class Load:
    """/proc/loadavg, with so many threads running, one look after the other."""

    def __init__(self, *running):
        self.running = cycle(running)

    def read_text(self):
        return f"2.53 2.12 1.95 {next(self.running)}/90 12817\n"


@pytest.mark.parametrize(("running", "alone"), [([1], True), ([2], False), ([3, 2, 4], False), ([3, 1, 2], True)])
def test_who_runs_at_every_look_is_not_passing(monkeypatch, running, alone):
    monkeypatch.setattr(waiting, "LOAD", Load(*running))
    assert waiting.alone() is alone


def test_threads_of_the_process_itself_are_no_others(monkeypatch, tmp_path):
    (tmp_path / "task" / "1" / "stat").write_text("2 (openblas) R 0 1 1")
    monkeypatch.setattr(waiting, "LOAD", Load(2))
    assert waiting.alone()


@pytest.mark.parametrize("text", [None, "", "busy", "1 1 1 x/y 3"])
def test_what_nobody_knows_is_no_idle_machine(monkeypatch, tmp_path, text):
    file = tmp_path / "loadavg"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(waiting, "LOAD", file)
    assert waiting.alone() is False


def test_what_the_user_says_stays(monkeypatch):
    names = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
    monkeypatch.setattr(waiting, "LOAD", Load(1))
    for name in names:
        monkeypatch.delenv(name, raising=False)
    waiting.settle()
    assert [os.environ[name] for name in names] == ["passive", str(waiting.AWAKE)]
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    waiting.settle()
    assert [os.environ[name] for name in names] == ["passive", "7"]
