"""Two runs at once: each has a folder to itself, by name or by lock, and two processes can fill one empty cache."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pooch
import pytest

from apps.mnist import download
from apps.mnist.__main__ import main
from framework.interval import Interval
from framework.run_folder import FolderError, locked, new_folder
from kernels.store import Store
from tests.apps.test_mnist_data import FILES, mirror, plain_environment  # noqa: F401
from tests.helpers.programs import environment
from tests.reliability.test_stopped import DIGITS, begin, steps, wait_for


def together(script, count, *words):
    """Run a script in several processes, all at the same moment; returns what each printed."""
    start = f"import sys, time; time.sleep(max(0, {time.time() + 3} - time.time()))\n"
    running = [
        subprocess.Popen([sys.executable, "-c", start + script, *map(str, words)], env=environment(),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]  # fmt: skip
    printed = [process.communicate(timeout=120) for process in running]
    assert not any(process.returncode for process in running), printed
    return [said for said, _ in printed]


def test_new_folders_taken_at_once_are_all_different(tmp_path):
    script = (
        "from pathlib import Path; from framework.run_folder import new_folder\n"
        "for _ in range(50): print(new_folder(Path(sys.argv[1]), 'mnist-cnn6').name)"
    )
    names = [name for said in together(script, 4, tmp_path / "runs") for name in said.split()]
    assert sorted(names) == sorted(f"mnist-cnn6-{n}" for n in range(1, 201))


def test_a_folder_is_locked_until_its_process_ends_however_it_ends(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from framework.run_folder import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('locked', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "locked\n"
    with pytest.raises(FolderError, match="another run is going on in this folder"), locked(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    with locked(tmp_path):
        assert list(tmp_path.iterdir()) == []
    assert new_folder(tmp_path, "run").is_dir()


def test_a_folder_in_which_a_run_goes_on_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = begin(
        "apps.mnist", *DIGITS, "--data", "builtin", "--iterations", 10**6, "--checkpoint-every", 5, cwd=tmp_path
    )
    folder = Path("runs/mnist-single-1")
    try:
        wait_for(lambda: steps(folder) > 10 or run.poll() is not None, "the run begins")
        line = f"apps.mnist train: {folder}: another run is going on in this folder, a folder of its own expected\n"
        for words in (("--output", folder, *DIGITS[1:], "--data", "builtin"), ("--resume", folder)):
            assert main(["train", *map(str, words)]) == 1
            assert capsys.readouterr().err == line
        assert main([*map(str, DIGITS), "--data", "builtin", "--iterations", "1"]) == 0
        assert "output  runs/mnist-single-2\n" in capsys.readouterr().out
        assert run.poll() is None
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    assert main(["train", "--resume", str(folder), "--iterations", "5"]) == 1  # by itself it could go on
    assert "at least the 1000000 of the run expected" in capsys.readouterr().err


def test_a_run_that_was_refused_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", "builtin", "--batch-size", "9999"]) == 1
    assert list(tmp_path.iterdir()) == []


# --- caches


def test_processes_that_fill_an_empty_cache_at_once_all_find_what_they_kept(tmp_path, monkeypatch):
    script = (
        "from kernels.store import Store; store = Store('emulator')\n"
        "for n in range(40):\n"
        "    store.put(f'{n:02}', bytes([n]) * 50_000)\n"
        "    assert store.get(f'{n:02}') == bytes([n]) * 50_000, n\n"
        "print('ok')"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert together(script, 3) == ["ok\n"] * 3
    folder = Store("emulator").folder
    assert sorted(path.name for path in folder.iterdir()) == [f"{n:02}" for n in range(40)]


def test_downloads_into_one_empty_cache_at_once_are_all_whole(tmp_path, mirror):  # noqa: F811
    folder, address = mirror
    script = (
        "import json; from pathlib import Path; from apps.mnist import download\n"
        "download.CHECKSUMS.update(json.loads(sys.argv[3]))\n"
        "for n in range(5): download.fetch(Path(sys.argv[1]) / str(n), [sys.argv[2]])\n"
        "print('ok')"
    )
    known = {name: pooch.file_hash(folder / name) for name in FILES}
    assert known == download.CHECKSUMS
    assert together(script, 3, tmp_path / "caches", address, json.dumps(known)) == ["ok\n"] * 3
    for cache in (tmp_path / "caches").iterdir():
        assert {path.name: path.read_bytes() for path in cache.iterdir()} == {
            n: (folder / n).read_bytes() for n in FILES
        }


# --- the clock


def test_where_the_clock_was_set_back_a_cache_still_makes_room_and_keeps_what_is_new(tmp_path, monkeypatch):
    """What was kept before seems to be from the future, and would stay until that is reached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("kernels.store.MOST", 1000)
    store, now = Store("emulator"), time.time()
    for number in range(4):
        store.put(str(number), bytes(400))
        os.utime(store.folder / str(number), (now + 10**8 + number,) * 2)
    store.put("new", bytes(400))
    assert store.get("new") == bytes(400)
    assert sum(path.stat().st_size for path in store.folder.iterdir()) <= 1000


def test_a_clock_that_is_set_back_does_not_hold_back_a_checkpoint(tmp_path, monkeypatch):
    """Minutes are those of a clock that nobody sets."""
    every = Interval("10m")
    every.start()
    started = time.monotonic()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert not every.is_over(7)
    monkeypatch.setattr(time, "monotonic", lambda: started + 601)
    assert every.is_over(8)
