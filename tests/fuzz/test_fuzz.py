"""Readers take or refuse what nobody would write; and whoever looks for inputs that they do not take so finds them."""

import dataclasses
import importlib
import sys

import pytest

from tests.fuzz import planted, run, worker
from tests.fuzz.__main__ import main
from tests.fuzz.board import Board
from tests.fuzz.judge import judge
from tests.fuzz.run import corpus, fuzz, names

CASES = [(name, path) for name in names() for path in corpus(name)]


def target_of(name):
    return importlib.import_module(f"tests.fuzz.targets.{name}").TARGET


@pytest.mark.parametrize(("name", "path"), CASES, ids=[f"{name}-{path.name}" for name, path in CASES])
def test_what_was_once_taken_wrongly_is_taken_rightly(tmp_path, name, path):
    assert judge(target_of(name), path.read_bytes(), tmp_path) is None


def test_the_corpus_stays_small():
    assert sum(path.stat().st_size for _, path in CASES) < 64_000


@pytest.mark.parametrize("name", names())
def test_a_reader_takes_the_first_input_that_it_begins_with(tmp_path, name):
    """Else all that is tried might be refused at its first byte."""
    target_of(name).attempt(next(iter(target_of(name).seeds())), tmp_path)


@pytest.mark.parametrize("name", names())
def test_a_reader_takes_or_refuses_whatever_is_tried_in_a_second(name):
    outcome = fuzz(name, seconds=1)
    assert outcome.inputs > 20
    assert outcome.findings == []


# --- Who looks for it finds it


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"taken", None),
        (b"refused", None),
        (b"2 lines", "an error of 2 lines and 20 letters: planted.py:"),
        (b"wrong", "KeyError: 'what no reader documents': planted.py:"),
        (b"slow", "slow: 0.3 s"),
        (b"large", "large: 1"),
    ],
)
def test_one_input_is_judged(tmp_path, data, wrong):
    found = judge(planted.TARGET, data, tmp_path)
    planted.KEPT.clear()
    if data == b"large" and found is None:
        pytest.skip("this process has been larger before")
    assert found == wrong or found.startswith(wrong)


@pytest.fixture
def faulty(monkeypatch):
    """The reader with faults in the place of a target."""
    monkeypatch.setattr(run, "module_of", lambda name: "tests.fuzz.planted")
    monkeypatch.setattr(run, "corpus", lambda name: [])
    monkeypatch.setattr(run, "STUCK", 3.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_each_fault_of_a_reader_is_found_once_whatever_becomes_of_the_process(faulty, seed):
    outcome = fuzz("planted", seconds=20, seed=seed)
    kinds = {wrong.partition(":")[0] for wrong, _ in outcome.findings}
    assert {"KeyError", "an error of 2 lines and 20 letters", "slow", "hangs"} <= kinds
    assert any("died with code" in kind for kind in kinds)
    assert all(data[:1] in b"2wslah" for _, data in outcome.findings)
    assert [data for wrong, data in outcome.findings if wrong.startswith("KeyError")] == [b"wrong"]


def test_where_atheris_is_not_installed_inputs_are_changed_at_random(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr(worker, "limit_space", lambda: None)
    for name in ("findings", "units"):
        (tmp_path / name).mkdir()
    (tmp_path / "units" / "0").write_bytes(b"taken")
    board = Board(tmp_path / "board", new=True)
    safe = dataclasses.replace(planted.TARGET, attempt=lambda data, folder: {}[data] if b"\0" in data else None)
    monkeypatch.setattr(planted, "TARGET", safe)
    worker.main("tests.fuzz.planted", tmp_path, seconds=1, seed=3)
    assert board.count > 1000
    (found,) = (tmp_path / "findings").glob("*.input")
    assert b"\0" in found.read_bytes()


def test_findings_are_kept_said_and_counted(faulty, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "CORPUS", tmp_path)
    monkeypatch.setattr(planted, "TARGET", dataclasses.replace(planted.TARGET, seeds=lambda: [b"wrong"]))
    assert main(["--target", "idx", "--seconds", "1", "--json", str(tmp_path / "found.json")]) == 1
    said = capsys.readouterr().out
    assert "idx" in said
    assert "KeyError: 'what no reader documents'" in said
    assert any(path.read_bytes() == b"wrong" for path in (tmp_path / "idx").iterdir())
