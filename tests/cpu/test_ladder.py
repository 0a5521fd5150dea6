"""Ladders for CPU cores: which rung computes, under which name, and that cores change no bit of any of them."""

import re

import numpy as np
import pytest

from kernels.bench.trial import Trial
from kernels.cpu.cores import one_core
from kernels.cpu.ladder import Ladder, rung
from kernels.device import Device
from kernels.operation import Operation, ShapeError
from kernels.operations.softmax import cpu as softmax
from tests.helpers.checks import assert_same
from tests.helpers.operations import CPU_BACKWARD_RUNGS, CPU_FORWARD_RUNGS, OPERATIONS


@rung
def forward_loops(x, y, power):
    """Takes everything.

    And says more about it.
    """
    y[...] = 1


@rung(suits=lambda x: x[0] % 2 == 0)
def forward_pairs(x, y, power):
    """Takes an even number of rows."""
    y[...] = 2


@rung(suits=lambda power, x: power == 2 and len(x) == 2)
def forward_squares(x, y, power):
    """Takes squares of matrices."""
    y[...] = 3


LADDER = Ladder("forward", forward_loops, forward_pairs, forward_squares)


@pytest.mark.parametrize(
    ("shape", "power", "wanted", "name"),
    [
        ((4, 3), 2, None, "squares"),
        ((4, 3), 3, None, "pairs"),
        ((3, 3), 3, None, "loops"),
        ((3, 3), 2, None, "squares"),
        ((3, 3), 2, "pairs", "loops"),
        ((4, 3), 2, "pairs", "pairs"),
        ((4, 3), 2, 2, "pairs"),
        ((4, 3), 2, 1, "loops"),
        ((4, 3), 3, 3, "pairs"),
        ((4, 3, 1), 2, "squares", "pairs"),
    ],
)
def test_the_highest_rung_computes_that_suits_and_is_not_above_the_one_wanted(shape, power, wanted, name):
    x = np.zeros(shape, np.float32)
    for given in ({"x": shape, "y": shape}, {"x": x, "y": x}):
        chosen = LADDER.choose({**given, "power": power}, wanted)
        assert (chosen.name, chosen.number) == (name, 1 + ["loops", "pairs", "squares"].index(name))
        assert chosen in LADDER.suiting({**given, "power": power})


def test_a_rung_says_what_it_adds_in_its_first_line():
    adds = ["Takes everything.", "Takes an even number of rows.", "Takes squares of matrices."]
    assert [each.adds for each in LADDER.rungs] == adds
    assert len(LADDER) == 3


@pytest.mark.parametrize("wanted", [0, 4, "winograd", "forward_loops", "1"])
def test_a_rung_that_there_is_not_is_refused_in_one_line(wanted):
    line = f"forward: unknown rung {wanted!r}; choose from 1 (loops), 2 (pairs), 3 (squares)"
    with pytest.raises(ValueError, match=f"^{re.escape(line)}$"):
        LADDER.choose({"x": (4, 3), "y": (4, 3), "power": 2}, wanted)


def test_the_first_rung_takes_every_case():
    with pytest.raises(ValueError, match=r"^forward: rung 1, pairs, must take every case$"):
        Ladder("forward", forward_pairs, forward_loops)


class Modules:
    forward = LADDER


@pytest.mark.parametrize(("how", "expected"), [({}, 3), ({"rung": "pairs"}, 2), ({"rung": 1}, 1), ({"rung": None}, 3)])
def test_a_device_binds_the_rung_that_is_wanted(how, expected):
    operation = Operation(
        "own", ("x",), ("y",), lambda x, power: {"y": x}, modules={"cpu": Modules}, settings={"power": 2}
    )
    y = Device("cpu").run(operation, "forward", {"x": np.zeros((4, 3))}, **how)["y"]
    np.testing.assert_array_equal(y, expected)


def test_a_ladder_is_called_like_a_function_and_looks_at_its_arguments():
    x, y = np.zeros((2, 3), np.float32), np.empty((2, 3), np.float32)
    softmax.forward(x, y=y)
    np.testing.assert_allclose(y, 1 / 3, rtol=1e-6)
    with pytest.raises(ShapeError, match=r"^softmax: y \(2, 2\) must be \(2, 3\)$"):
        softmax.forward(x, np.empty((2, 2), np.float32))
    with pytest.raises(TypeError, match=r"missing a required argument: 'y'"):
        softmax.forward(x)


RUNGS = [(name, direction, algorithm)
         for direction, rungs in (("forward", CPU_FORWARD_RUNGS), ("backward", CPU_BACKWARD_RUNGS))
         for name, algorithm in rungs if algorithm]  # fmt: skip


@pytest.mark.parametrize(("name", "direction", "algorithm"), RUNGS)
def test_the_number_of_cores_changes_no_bit(name, direction, algorithm):
    """Of the operation's typical case, on one core and on all."""
    operation, device = OPERATIONS[name], Device("cpu")
    trial = Trial.of_shape(operation, dict(operation.typical), np.random.default_rng(0))
    arguments = trial.arguments(device, direction)
    chosen = getattr(operation.implementation("cpu"), direction).choose(arguments, algorithm)

    def computed():
        found = {n: a.copy() if isinstance(a, np.ndarray) else a for n, a in arguments.items()}
        chosen.function(**{name: found[name] for name in operation.arguments(direction)})
        return {n: a for n, a in found.items() if isinstance(a, np.ndarray)}

    with one_core():
        expected = computed()
    assert_same(computed(), expected)
