"""Every operation, found through its spec: implementations against the reference, the reference against calculus."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.bench.trial import Trial
from kernels.commands.targets import Target
from kernels.operation import RandomDraw
from tests.helpers.checks import check_backward, check_derivative, check_forward
from tests.helpers.operations import (
    BACKWARD_RUNGS,
    CPU_BACKWARD_RUNGS,
    CPU_FORWARD_RUNGS,
    DIFFERENTIABLE,
    FORWARD_RUNGS,
    OPERATIONS,
)
from tests.helpers.strategies import trials


@pytest.mark.parametrize(("name", "rung"), CPU_FORWARD_RUNGS)
@given(data=st.data())
def test_cpu_forward_equals_reference(name, rung, data):
    check_forward(data.draw(trials(OPERATIONS[name])), "cpu", rung=rung)


@pytest.mark.parametrize(("name", "rung"), CPU_BACKWARD_RUNGS)
@given(data=st.data())
def test_cpu_backward_equals_reference(name, rung, data):
    check_backward(data.draw(trials(OPERATIONS[name])), "cpu", rung=rung)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
@given(data=st.data())
def test_interpreted_forward_equals_reference(name, rung, data):
    check_forward(data.draw(trials(OPERATIONS[name])), "interpret", rung=rung)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
@given(data=st.data())
def test_interpreted_backward_equals_reference(name, rung, data):
    check_backward(data.draw(trials(OPERATIONS[name])), "interpret", rung=rung)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
def test_reference_backward_is_the_derivative_of_forward(name, data):
    check_derivative(data.draw(trials(OPERATIONS[name], smooth=True)))


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_three_implementations_take_the_arguments_that_the_spec_lists(name):
    """Read side by side and swapped for each other: same functions, same names, same order."""
    operation = OPERATIONS[name]
    directions = {"forward": (operation.forward_arrays, tuple(operation.settings))}
    if operation.gradients:
        directions["backward"] = (operation.backward_arrays, ())
    for direction, (arrays, settings) in directions.items():
        expected = operation.arguments(direction)
        assert expected[: len(arrays)] == arrays
        assert set(settings) <= set(expected) <= {*arrays, *operation.settings}
        for kind in ("reference", "cpu"):
            function = getattr(operation.implementation(kind), direction)
            assert parameters(getattr(function, "py_func", function)) == expected, f"{name}: {kind}: {direction}"
            for rung in getattr(function, "rungs", ()):
                plain = getattr(rung.function, "py_func", rung.function)
                assert parameters(plain) == expected, f"{name}: {kind}: {rung.name}"
        for ladder in Target(operation, direction).ladders:
            for rung in ladder.rungs:  # which takes what it uses
                taken = parameters(rung)
                assert taken == tuple(n for n in expected if n in taken), f"{name}: {rung.__name__}{taken}"


def parameters(function):
    found = inspect.signature(function).parameters.values()
    return tuple(p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_gradient_that_nobody_wants_is_not_launched(name):
    operation = OPERATIONS[name]
    generator = np.random.default_rng(0)
    trial = Trial.draw(operation, RandomDraw(generator), generator)
    for direction in operation.directions:
        for ladder in Target(operation, direction).ladders:
            if ladder.writes:
                arguments = dict.fromkeys(operation.arguments(direction)) | trial.settings
                assert ladder(**arguments) == []
                assert trial.launches(direction, part=ladder.name) != [] or trial.arrays[ladder.writes[1:]] is None
