"""The sprint: digits to 99 % against the clock."""

import json
from dataclasses import replace

import numpy as np
import pytest

from apps.errors import DataError
from apps.mnist import sprint
from apps.mnist.__main__ import main
from apps.mnist.data import load
from framework import Graph, Model
from framework.plan import Plan
from tests.helpers.checks import assert_same
from tests.helpers.programs import python


@pytest.fixture(scope="module")
def digits():
    return load("builtin")


@pytest.fixture
def said(tmp_path, capsys):
    """What `sprint --seeds 2` printed and wrote."""
    path = tmp_path / "sprint.json"
    assert main(["sprint", "--seeds", "2", "--data", "builtin", "--json", str(path)]) == 0
    return capsys.readouterr().out, json.loads(path.read_text())


def test_the_command_prints_and_writes_means_and_single_runs(said):
    printed, written = said
    assert set(written) == {"device", "data", "compiling", "accuracy", "seconds", "runs"}
    assert [run["seed"] for run in written["runs"]] == [0, 1]
    assert all(run.keys() == {"seed", "accuracy", "seconds", "processor_seconds"} for run in written["runs"])
    for what in ("accuracy", "seconds"):
        assert written[what] == np.mean([run[what] for run in written["runs"]])
    assert all(run["accuracy"] > 0.9 for run in written["runs"])
    assert f"{written['accuracy']:.3%} of 1,000 digits held out after {written['seconds']:.2f} s" in printed
    assert f"compiled in {written['compiling']:.1f} s, before the clock starts" in printed


class Clock:
    """A clock that moves only where something is done: training takes 3 seconds, looking 100."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def taking(self, seconds, function):
        def slow(*given, **named):
            self.now += seconds
            return function(*given, **named)

        return slow


def test_the_clock_runs_while_training_and_not_while_looking(monkeypatch, digits):
    few, clock = (
        replace(digits, train_images=digits.train_images[:200], train_labels=digits.train_labels[:200]),
        Clock(),
    )
    monkeypatch.setattr(sprint.time, "perf_counter", clock)
    monkeypatch.setattr(sprint, "train", clock.taking(3, sprint.train))
    monkeypatch.setattr(sprint, "Evaluation", clock.taking(100, sprint.Evaluation))
    assert [run.seconds for run in sprint.runs(few, "cpu", range(2))] == [3, 3]


TELLING = """
from numba.core import event

from apps.mnist import sprint
from apps.mnist.data import load


class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(event)

    def on_end(self, event):
        pass


compiled, digits = [], load("builtin")
with event.install_listener("numba:compile", Listener()):
    sprint.compile_kernels(digits, "cpu")
    before = len(compiled)
    list(sprint.runs(digits, "cpu", range(1)))
print(before, len(compiled) - before)
"""


def test_nothing_is_compiled_once_the_clock_runs(tmp_path):
    done = python("-c", TELLING, NUMBA_CACHE_DIR=tmp_path)
    before, within = map(int, done.stdout.split())
    assert before > 0
    assert within == 0


WEIGHTS = """
import sys
from pathlib import Path

from apps.mnist import sprint
from apps.mnist.data import load
from framework import weights

weights.save(sprint.train(load("builtin"), "cpu", seed=3), Path(sys.argv[1]))
"""


def test_the_same_seed_gives_the_same_bits_on_any_number_of_cores(tmp_path):
    for cores in "1", "2":
        variables = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
        done = python("-c", WEIGHTS, tmp_path / cores, **dict.fromkeys(variables, cores))
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_the_first_layer_is_the_directions_of_largest_variance_and_stays(digits):
    model = sprint.train(digits, "cpu", seed=0)
    kept = model.parameters.download()["directions"]
    assert_same({"w": kept}, {"w": sprint.directions(digits.train_images, np.random.default_rng(0))})
    rows = kept.reshape(2 * sprint.DIRECTIONS, -1).astype(np.float64)
    half = rows[: sprint.DIRECTIONS]
    np.testing.assert_allclose(rows[sprint.DIRECTIONS :], -half)
    np.testing.assert_allclose(half @ half.T, np.eye(len(half)), atol=1e-6)
    every = np.lib.stride_tricks.sliding_window_view(digits.train_images, (5, 5), (1, 2)).reshape(-1, 25)
    variances = np.var(every @ half.T, axis=0)
    assert (np.diff(variances) < 0).all()
    total = every.var(axis=0).sum()
    assert variances.sum() > 0.8 * total


def test_nothing_goes_back_past_the_first_layer():
    graph = sprint.network(2)
    assert isinstance(graph, Graph)
    back = [step.name for step in Plan(graph, ("loss",), "loss").steps if step.direction == "backward"]
    assert "conv2d_2" in back
    assert "conv2d_1" not in back
    assert "maxpool2d_1" not in back
    assert "directions" in Model(sprint.network, "cpu").parameters.states.shapes


def test_fewer_digits_than_a_batch_are_refused(digits):
    few = replace(digits, train_images=digits.train_images[:9], train_labels=digits.train_labels[:9])
    with pytest.raises(DataError, match="9 digits to train on found, at least 160 expected"):
        sprint.train(few, "cpu", seed=0)
