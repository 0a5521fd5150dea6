"""The log of a run: whole records, in the order of their steps, and no more than the checkpoint knows."""

import json

import pytest

from framework.checkpoint import CheckpointError
from framework.log import Log, cut_back


def record(step, **more):
    return {"iteration": step, "loss": 0.5, "rate": 0.1, "norm": 1.0, **more}


@pytest.fixture
def path(tmp_path):
    """A log of five steps."""
    with Log(tmp_path / "new" / "metrics.jsonl") as log:
        for step in range(1, 6):
            log.add(record(step))
        log.sync()
    return log.path


def test_what_was_logged_after_the_checkpoint_is_cut_off(path):
    lines = path.read_bytes().splitlines(keepends=True)
    assert cut_back(path, 3) == [record(1), record(2), record(3)]
    assert path.read_bytes() == b"".join(lines[:3])


@pytest.mark.parametrize(
    "rest", [b'{"iteration": 6, "lo', b"\0\0\0\n", b'{"iteration": 6}\n', json.dumps(record(6)).encode()]
)
def test_a_last_line_that_is_not_whole_is_cut_off(path, rest):
    whole = path.read_bytes()
    path.write_bytes(whole + rest)
    assert cut_back(path, 9) == [record(step) for step in range(1, 6)]
    assert path.read_bytes() == whole


def test_a_metric_may_be_no_number_where_a_loss_may_not(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(json.dumps(record(1, validation_ap=float("nan"))).encode() + b"\n" + b"".join(lines[1:]))
    assert len(cut_back(path, 5)) == 5
    path.write_bytes(json.dumps(record(1, loss=float("nan"))).encode() + b"\n" + b"".join(lines[1:]))
    with pytest.raises(CheckpointError, match="line 1 is damaged"):
        cut_back(path, 5)


def test_steps_that_stand_twice_are_damage(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[1], *lines[2:]]))
    with pytest.raises(CheckpointError, match="line 3 is damaged"):
        cut_back(path, 5)


def test_where_there_is_no_log_there_are_no_records(tmp_path):
    assert cut_back(tmp_path / "metrics.jsonl", 5) == []
