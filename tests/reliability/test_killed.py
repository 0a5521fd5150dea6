"""SIGKILL at moments that nobody chose: every restart goes on, and the end is that of a run that was left alone."""

import json

from tests.framework.test_trainer import logged, trainer, weights
from tests.helpers.checks import assert_same
from tests.helpers.programs import python
from tests.reliability.killing import HOW

KILLS = 100


def test_a_run_killed_a_hundred_times_equals_one_that_was_left_alone_bit_for_bit(tmp_path):
    words = ("-m", "tests.reliability.killing", tmp_path / "killed", KILLS, 0)
    done = python(*words, NUMBA_THREADING_LAYER="workqueue")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["steps"] == sorted(found["steps"]), "a step that was kept is never lost"
    assert len(set(found["steps"])) > KILLS / 4, "runs get on"
    assert found["torn"], "some are killed while they write a checkpoint"
    rest = trainer(tmp_path / "killed", **HOW)
    rest.resume()
    assert rest.step == found["steps"][-1]
    whole = trainer(tmp_path / "whole", **HOW)
    end = rest.step + 3
    for run in (rest, whole):
        run.run(end, progress=False)
    assert_same(weights(whole), weights(rest))
    assert_same(whole.optimizer.download(), rest.optimizer.download())
    assert logged(whole) == logged(rest)
    assert {path.name for path in rest.folder.iterdir()} == {"checkpoint.safetensors", "metrics.jsonl"}
