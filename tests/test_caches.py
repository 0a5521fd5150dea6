"""Where neither the home nor the installation can be written, all works, and one line says where caches are."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from kernels import caches
from tests.helpers import ROOT
from tests.helpers.programs import python

NO_HOME = "/dev/null/home"  # where not even root can write


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for variable in (*caches.PLACES, "NUMBA_CACHE_DIR", "MPLCONFIGDIR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A copy of the kernels beside which nothing can be cached, whoever tries: the folder's place is taken."""
    copy = tmp_path_factory.mktemp("sealed")
    shutil.copytree(ROOT / "kernels", copy / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [path for path in (copy / "kernels").rglob("*") if path.is_dir()]:
        (folder / "__pycache__").write_text("a file")
    return copy


def run(sealed, home, temporary, *words):
    """What a command complains of, which succeeds."""
    done = python("-m", "kernels", *words, cwd=sealed, HOME=home, TMPDIR=temporary, PYTHONPATH=sealed)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_without_a_home_what_is_compiled_and_drawn_is_kept_in_a_temporary_folder(sealed, tmp_path):
    elsewhere = tmp_path / f"handwritten-{os.getuid()}"
    usual = f"{NO_HOME}/.cache, {NO_HOME}/.config, {NO_HOME}/.cupy/kernel_cache"
    note = f"note    {usual} cannot be written: caches are in {elsewhere}\n"
    for command in ("check add --device cpu --seconds 0.1", f"xray add --shape a=8 b=8 --picture {tmp_path}/a.png"):
        assert run(sealed, NO_HOME, tmp_path, *command.split()) == note
    assert list(elsewhere.rglob("cpu.*.nbi"))
    assert list(elsewhere.rglob("fontlist*.json"))
    kept = {path: path.stat().st_mtime_ns for path in elsewhere.rglob("cpu.*.nbc")}
    run(sealed, NO_HOME, tmp_path, "check", "add", "--device", "cpu", "--seconds", "0.1")
    assert {path: path.stat().st_mtime_ns for path in elsewhere.rglob("cpu.*.nbc")} == kept


def test_the_processes_that_a_command_starts_say_nothing_more(sealed, tmp_path):
    said = run(sealed, NO_HOME, tmp_path, "inspect", "transpose")  # by several processes
    assert len(said.splitlines()) == 1


def test_with_a_home_a_sealed_installation_needs_no_word(sealed, tmp_path):
    (tmp_path / "home").mkdir()
    assert run(sealed, tmp_path / "home", tmp_path, "check", "add", "--device", "cpu", "--seconds", "0.1") == ""
    assert list((tmp_path / "home" / ".cache").rglob("cpu.*.nbi"))
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_what_can_be_written_is_left_as_it_is(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", NO_HOME)
    for variable in caches.PLACES:
        monkeypatch.setenv(variable, str(tmp_path / "not yet" / variable))
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    caches.find_places()
    own = f"{tmp_path}/handwritten-{os.getuid()}"
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "not yet" / "XDG_CACHE_HOME")
    assert os.environ["XDG_CONFIG_HOME"] == f"{own}/XDG_CONFIG_HOME"
    assert capsys.readouterr().err == f"note    /proc/none cannot be written: caches are in {own}\n"
    assert {path.name for path in tmp_path.iterdir()} == {Path(own).name}
    caches.find_places()
    assert capsys.readouterr().err == ""
    assert not caches.can_be_written("~/.cache")


@pytest.mark.parametrize("kind", ["open to others", "link"])
def test_a_temporary_folder_that_others_can_write_is_not_taken(kind, monkeypatch, tmp_path):
    """Who can put files there could have this process run them."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    name = tmp_path / f"handwritten-{os.getuid()}"
    if kind == "link":
        (tmp_path / "else").mkdir()
        name.symlink_to(tmp_path / "else")
    else:
        name.mkdir()
        name.chmod(0o777)
    found = Path(caches.own_folder())
    assert found != name
    assert found.stat().st_mode & 0o777 == 0o700
