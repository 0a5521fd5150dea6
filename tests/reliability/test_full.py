"""A full disk, a folder that cannot be written: the last good file survives, and one line names what was refused."""

import json

import numpy as np
import pytest
from PIL import Image

from apps.errors import DataError
from apps.faces.__main__ import main as faces
from apps.mnist.data import load
from framework import Model, weights
from framework.log import Log
from framework.run_state import RunState
from kernels.files import write_whole
from tests.apps.test_mnist_data import mirror, plain_environment  # noqa: F401
from tests.framework.test_trainer import logged, trainer
from tests.framework.test_trainer import weights as of
from tests.helpers.checks import assert_same
from tests.helpers.refusing import full_after, in_read_only_folder


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_a_disk_that_fills_while_a_checkpoint_is_written_leaves_the_last_one(tmp_path):
    run = trainer(tmp_path)
    run.run(3, progress=False)
    kept = of(run)
    with full_after(1000), pytest.raises(OSError, match=r"cannot be written \(File too large\).*checkpoint"):
        run.run(6, progress=False)
    assert files(tmp_path) == {"checkpoint.safetensors", "metrics.jsonl"}
    rest = trainer(tmp_path)
    rest.resume()
    assert rest.step == 3
    assert_same(of(rest), kept)
    rest.run(6, progress=False)
    assert_same(of(rest), of(run))
    assert logged(rest) == run.records


def test_a_disk_that_fills_while_the_log_is_written_leaves_the_last_checkpoint(tmp_path):
    run = trainer(tmp_path, checkpoint_every=2)
    run.run(2, progress=False)
    room = run.metrics_path.stat().st_size + 130  # for one record, and a part of another
    with full_after(room), pytest.raises(OSError, match=r"cannot be written \(File too large\).*metrics.jsonl"):
        run.run(9, progress=False)
    assert run.metrics_path.stat().st_size == room
    rest = trainer(tmp_path)
    rest.resume()
    assert (rest.step, len(logged(rest))) == (2, 2)
    rest.run(5, progress=False)
    assert [record["iteration"] for record in logged(rest)] == [1, 2, 3, 4, 5]


def test_a_full_device_is_named_with_the_file(tmp_path):
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    with Log(tmp_path / "metrics.jsonl") as log, pytest.raises(OSError, match="No space left on device") as refused:
        log.add({"iteration": 1})
    assert refused.value.filename == str(tmp_path / "metrics.jsonl")


def test_a_download_for_which_there_is_no_room_leaves_nothing_and_is_told(tmp_path, mirror):  # noqa: F811
    _, address = mirror
    cache = tmp_path / "cache"
    with full_after(1000), pytest.raises(DataError, match=f"full MNIST: {address}.*: File too large"):
        load("mnist", cache, [address])
    assert files(cache) == set()
    with full_after(1000):
        instead = load("auto", cache, [address])
    assert "File too large" in instead.origin
    assert load("mnist", cache, [address]).source == "digits (6 / 3)"


@pytest.fixture
def picture(tmp_path, monkeypatch):
    """A small picture in the folder where we are, with weights that have learned nothing."""
    from apps.faces.models import lite

    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)
    Image.fromarray(noise).save("a.png")
    weights.save(Model(lite, "cpu"), tmp_path / "lite.safetensors", matching="refined")
    return ("detect", "a.png", "--weights", "lite.safetensors", "--device", "cpu", "--scales", "1")


def test_a_disk_that_fills_while_a_picture_is_drawn_leaves_none_and_is_told(picture, tmp_path, capsys):
    before = (tmp_path / "a.png").read_bytes()
    with full_after(1000):
        assert faces([*picture]) == 1
    line = "faces/a.png: cannot be written (File too large)"
    assert capsys.readouterr().err == f"apps.faces detect: {line}\n"
    assert files(tmp_path / "faces") == set()
    assert (tmp_path / "a.png").read_bytes() == before
    assert faces([*picture]) == 0
    assert files(tmp_path / "faces") == {"a.png"}


def test_a_folder_that_became_a_file_is_told_before_the_work_begins(picture, tmp_path, capsys):
    (tmp_path / "faces").write_text("")
    assert faces([*picture]) == 1
    assert "apps.faces detect: --output: faces cannot be made a folder" in capsys.readouterr().err


def test_a_run_whose_folder_is_gone_ends_with_one_line_and_what_was_kept_stays(tmp_path):
    """Whoever writes there: for root, too, a file is no folder."""
    folder, away = tmp_path / "run", tmp_path / "away"
    run = trainer(folder, checkpoint_every=2)
    run.run(2, progress=False)
    folder.rename(away)
    folder.write_text("")
    with pytest.raises(OSError, match=r"cannot be written \(Not a directory\).*metrics.jsonl"):
        run.run(4, progress=False)
    folder.unlink()
    away.rename(folder)
    rest = trainer(folder)
    rest.resume()
    assert rest.step == 2


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "metrics.jsonl", "picture.png"])
def test_in_a_read_only_folder_the_old_file_survives(tmp_path, name):
    state = RunState({"x": np.ones(2, np.float32)}, {}, 1, 0.0, {})
    path = tmp_path / name
    if name.startswith("checkpoint"):
        state.write(path)
    else:
        path.write_text(json.dumps({}))
    before = path.read_bytes()

    def act(folder):
        if name == "metrics.jsonl":
            with Log(folder / name) as log:
                log.add({"iteration": 1})
        elif name == "picture.png":
            write_whole(folder / name, b"new")
        else:
            state.write(folder / name)

    assert in_read_only_folder(tmp_path, act) == f"{name}: cannot be written (Permission denied)"
    assert path.read_bytes() == before
    assert files(tmp_path) == {name}
