"""Runs of several ranks: they learn what one does, one of them writes, and any number goes on where they stopped."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from framework import Model, Optimizer, checkpoint
from framework.program import NonFinite
from framework.ranks import RanksError
from framework.trainer import Trainer
from tests.framework.test_trainer import batches, logged
from tests.framework.test_trainer import trainer as trainer_alone
from tests.helpers.checks import assert_same
from tests.helpers.networks import plain
from tests.helpers.ranks import together


def trainer(ranks, folder, batches=batches, **options):
    """As in test_trainer.py; the whole batch has 8 examples."""
    rows = ranks.rows(8)

    def share(step):
        return {name: values[rows.start : rows.stop] for name, values in batches(step).items()}

    model, settings = Model(plain, "cpu", seed=5), {"seed": 5}
    rest = (lambda step: 0.05, Path(folder), settings)
    return Trainer(model, Optimizer("sgd"), 8, share, *rest, ranks=ranks, **options)


def learned(run):
    return run.model.parameters.download()


def trained(size, folder, steps, resume=False, **options):
    def work(ranks):
        run = trainer(ranks, folder, **options)
        if resume:
            run.resume()
        run.run(steps, progress=False)
        return run

    return together(size, work)


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_learn_what_one_does(tmp_path, size):
    alone = trainer_alone(tmp_path / "alone")
    alone.run(12, progress=False)
    for run in trained(size, tmp_path / "ranks", 12):
        for record, expected in zip(run.records, alone.records, strict=True):
            assert record == pytest.approx(expected, rel=1e-3)
    assert logged(run) == run.records


def test_ranks_go_on_bit_for_bit(tmp_path):
    whole = trained(2, tmp_path / "whole", 12)
    trained(2, tmp_path / "parts", 5)
    for run, expected in zip(trained(2, tmp_path / "parts", 12, resume=True), whole, strict=True):
        assert_same(learned(run), learned(expected))
        assert_same(run.optimizer.download(), expected.optimizer.download())
    assert (tmp_path / "parts/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()


@pytest.mark.parametrize("others", [1, 3, 8])
def test_another_number_of_ranks_goes_on_with_the_same_examples(tmp_path, others):
    """Within rounding: the sums are of other parts."""
    whole = trained(2, tmp_path / "whole", 12)[0]
    trained(2, tmp_path / "parts", 5)
    rest = trained(others, tmp_path / "parts", 12, resume=True)[0]
    assert [record["iteration"] for record in rest.records] == list(range(1, 13))
    for record, expected in zip(rest.records, whole.records, strict=True):
        assert record == pytest.approx(expected, rel=1e-3)


def test_only_the_first_reads_and_writes(tmp_path):
    def work(ranks):
        folder = tmp_path / str(ranks.rank)
        run = trainer(ranks, folder)
        run.run(3, progress=False)
        rest = trainer(ranks, folder)
        rest.resume()
        return rest.step, sorted(path.name for path in folder.iterdir()) if folder.exists() else None

    assert together(2, work) == [(3, ["checkpoint.safetensors", "metrics.jsonl"]), (3, None)]


def test_the_checkpoint_keeps_the_algorithms_of_all_shares(tmp_path):
    """Of 8 examples three ranks have 2 or 3."""
    trained(3, tmp_path, 2)
    kept = checkpoint.read(tmp_path / "checkpoint.safetensors")[1]["algorithms"]
    assert "('batch', 2)" in kept
    assert "('batch', 3)" in kept


def test_ranks_that_have_learned_something_else_are_named(tmp_path):
    def work(ranks):
        run = trainer(ranks, tmp_path)
        run.run(1, progress=False)
        if ranks.rank == 1:
            run.model.parameters.weights.array[0] += 1
        with pytest.raises(RanksError, match=r"^rank 1: what was learned by step 1 is .* on rank 0$"):
            run.save()

    together(2, work)


def test_a_value_that_is_not_finite_ends_all_and_is_named_with_its_rank(tmp_path):
    def poisoned(step):
        inputs = batches(step)
        if step == 2:
            inputs["image"][7, 0, 0, 0] = np.inf
        return inputs

    def work(ranks):
        with pytest.raises(NonFinite, match=r"^iteration 3: .*first in input image of rank 1; "):
            trainer(ranks, tmp_path, poisoned).run(9, progress=False)

    together(2, work)


def test_all_stop_at_the_step_at_which_one_is_interrupted(tmp_path, monkeypatch):
    """Here it is rank 1 that sees the signal."""

    def work(ranks):
        run = trainer(ranks, tmp_path)
        highest = ranks.highest
        ranks.highest = lambda values: highest([15 * (ranks.rank == 1 and run.step == 4), *values[1:]])
        with suppress(KeyboardInterrupt):
            run.run(9, progress=False)
        return run.step

    assert together(2, work) == [4, 4]
    assert checkpoint.read(tmp_path / "checkpoint.safetensors")[1]["step"] == "4"
