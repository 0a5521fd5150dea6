"""Moving averages of what a network learns: what they are, that a run keeps them, and that it leaves them."""

import numpy as np
import pytest

from framework import Model
from framework.averages import Averages
from framework.checkpoint import CheckpointError
from framework.parameters import ParameterError
from tests.framework.test_trainer import trainer
from tests.helpers.checks import assert_same
from tests.helpers.networks import plain


def averages_of(decay: float, device: str = "cpu") -> tuple[Model, Averages]:
    model = Model(plain, device, seed=3)
    return model, Averages(model.parameters, decay)


def moved(model: Model, by: float) -> None:
    """All that a network has learned, running averages included, becomes larger by a number."""
    model.parameters.upload({name: array + by for name, array in model.parameters.download().items()})


@pytest.mark.parametrize("device", ["cpu", "interpret", "reference"])
def test_an_average_keeps_as_much_of_itself_as_its_decay_says(device):
    model, averages = averages_of(0.25, device)
    start = model.parameters.download()
    moved(model, 1)
    averages.update(1000)  # late, when the decay is all that counts
    moved(model, 1)
    averages.update(1001)
    expected = 0.25 * 0.75 * 1 + 0.75 * 2
    for name, array in averages.download().items():
        np.testing.assert_allclose(array, start[name.removeprefix("average.")] + expected, rtol=1e-5, atol=1e-5)


def test_the_beginning_is_soon_forgotten():
    """With decay 0.999 alone half of the random start would still be there after 690 steps."""
    model, averages = averages_of(0.999)
    start = model.parameters.download()
    moved(model, 1)
    for step in range(30):
        averages.update(step)
    for name, array in averages.download().items():
        assert (array - start[name.removeprefix("average.")] > 0.99).all()


def test_averages_are_in_place_only_for_as_long_as_asked_even_where_that_fails():
    model, averages = averages_of(0.5)
    moved(model, 1)
    learned = model.parameters.download()
    with averages.in_place():
        inside = model.parameters.download()
    assert_same(model.parameters.download(), learned)
    assert_same(inside, {name.removeprefix("average."): a for name, a in averages.download().items()})
    assert any((inside[name] != array).any() for name, array in learned.items())
    with pytest.raises(RuntimeError), averages.in_place():
        raise RuntimeError
    assert_same(model.parameters.download(), learned)


def test_a_decay_of_one_or_below_zero_is_refused():
    for decay in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match=r"average: decay .* must be at least 0 and below 1"):
            averages_of(decay)


def test_averages_of_another_network_are_refused_and_change_nothing():
    _, averages = averages_of(0.5)
    before = averages.download()
    with pytest.raises(ParameterError, match="is missing"):
        averages.upload({name: array for name, array in list(before.items())[1:]})
    assert_same(averages.download(), before)


def test_a_run_evaluates_and_leaves_averages_but_learns_without_them(tmp_path):
    seen = {}

    def evaluated(run, name):
        def evaluate():
            seen[name] = run.model.parameters.download()
            return {}

        return evaluate

    runs = {decay: trainer(tmp_path / str(decay), average=decay) for decay in (0.0, 0.9)}
    for decay, run in runs.items():
        run.evaluate = evaluated(run, decay)
        run.run(12, progress=False)
    alone, kept = (run.model.parameters.download() for run in runs.values())
    assert_same(alone, kept)
    assert_same(seen[0.0], alone)
    with runs[0.9].averaged():
        assert_same(seen[0.9], runs[0.9].model.parameters.download())
    assert any((seen[0.9][name] != array).any() for name, array in kept.items())
    with runs[0.0].averaged():
        assert_same(runs[0.0].model.parameters.download(), alone)


def test_a_resumed_run_has_the_same_averages_bit_for_bit(tmp_path):
    whole = trainer(tmp_path / "whole", average=0.9)
    whole.run(12, progress=False)
    trainer(tmp_path / "parts", average=0.9).run(5, progress=False)
    rest = trainer(tmp_path / "parts", average=0.9)
    rest.resume()
    rest.run(12, progress=False)
    with whole.averaged(), rest.averaged():
        assert_same(rest.model.parameters.download(), whole.model.parameters.download())


def test_a_checkpoint_without_averages_does_not_fit_a_run_that_keeps_them(tmp_path):
    trainer(tmp_path).run(2, progress=False)
    with pytest.raises(CheckpointError, match=r"is missing, the network needs it"):
        trainer(tmp_path, average=0.9).resume()
