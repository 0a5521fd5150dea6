"""Recipes: the model's own below what is asked for, back from a checkpoint, and what they make."""

from dataclasses import asdict, dataclass, fields
from typing import ClassVar

import numpy as np
import pytest

from framework import checkpoint
from framework.checkpoint import CheckpointError
from framework.recipe import Recipe
from framework.run_state import RunState


@dataclass(frozen=True)
class Small(Recipe):
    """A recipe of an app: with defaults, and something of its own."""

    kind: ClassVar[str] = "a small network"

    model: str = "one"
    iterations: int = 30
    batch: int = 2
    rate: float = 0.5
    sides: tuple[int, ...] = (4, 6)


def test_options_stand_above_the_models_own_and_these_above_the_defaults():
    own = {"rate": 0.25, "decay": 0.125}
    assert Small.for_model("two", own) == Small(model="two", **own)
    chosen = Small.for_model("two", own, rate=0.75, batch=None, sides=[8])
    assert chosen == Small(model="two", rate=0.75, decay=0.125, sides=(8,))


def test_a_recipe_comes_back_from_the_settings_of_a_run(tmp_path):
    ours = Small(momentum=0.5, milestones=(0.5,), seed=3)
    RunState({}, {}, 5, 1.0, {**asdict(ours), "data": "somewhere"}).write(tmp_path / "run.safetensors")
    assert Small.of_run(tmp_path / "run.safetensors") == ours


@pytest.mark.parametrize("lacking", [field.name for field in fields(Small)])
def test_a_run_whose_settings_lack_a_field_is_refused_by_its_name(tmp_path, lacking):
    settings = {name: value for name, value in asdict(Small()).items() if name != lacking}
    path = tmp_path / "run.safetensors"
    RunState({}, {}, 5, 1.0, settings).write(path)
    message = f"^{path}: no {lacking} found in its settings, a run of a small network expected$"
    with pytest.raises(CheckpointError, match=message):
        Small.of_run(path)


def test_weights_are_no_run(tmp_path):
    checkpoint.write(tmp_path / "weights.safetensors", {}, {"model": "one"})
    with pytest.raises(CheckpointError, match="no version found, the checkpoint of a run, version '2', expected"):
        Small.of_run(tmp_path / "weights.safetensors")


def test_milestones_are_fractions_of_the_run():
    for iterations in (1, 2, 3, 100, 101, 1200, 99_999, 100_000):
        rate = Small(iterations=iterations, schedule="step").make_schedule()
        for step in (iterations // 3, 2 * iterations // 3):
            if step:
                np.testing.assert_allclose(rate(step), 0.1 * rate(step - 1))
        np.testing.assert_allclose(rate(iterations), 0.005)


def test_a_cosine_warms_up():
    rate = Small(iterations=100, warmup=10).make_schedule()
    np.testing.assert_allclose([rate(0), rate(50), rate(100)], [0.05, 0.25, 0], atol=1e-12)


def test_momentum_and_decay_reach_the_optimizer():
    sgd = Small(momentum=0.5, decay=0.25).make_optimizer()
    assert (sgd.operation.name, sgd.settings["momentum"], sgd.settings["decay"]) == ("sgd", 0.5, 0.25)
    adam = Small(optimizer="adam", decay=0.25).make_optimizer()
    assert (adam.operation.name, adam.settings["decay"]) == ("adam", 0.25)
