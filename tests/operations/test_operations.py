"""Every operation, found through its spec: implementations against the reference, the reference against calculus."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import Ladder
from kernels.operation import IMPLEMENTATIONS, all_operations
from tests.operations.checks import check_backward, check_derivative, check_forward
from tests.strategies import trials

OPERATIONS = {name: o for name, o in all_operations().items() if not o.view}
DIFFERENTIABLE = [name for name, o in OPERATIONS.items() if o.gradients]


def rungs(name, direction):
    ladder = getattr(OPERATIONS[name].implementation("cuda"), direction)
    assert isinstance(ladder, Ladder)
    return range(1, len(ladder) + 1)


FORWARD_RUNGS = [(name, rung) for name in OPERATIONS for rung in rungs(name, "forward")]
BACKWARD_RUNGS = [(name, rung) for name in DIFFERENTIABLE for rung in rungs(name, "backward")]


@pytest.mark.parametrize("name", OPERATIONS)
@given(data=st.data())
def test_cpu_forward_equals_reference(name, data):
    check_forward(data.draw(trials(OPERATIONS[name])), "cpu")


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@given(data=st.data())
def test_cpu_backward_equals_reference(name, data):
    check_backward(data.draw(trials(OPERATIONS[name])), "cpu")


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
        for kind in IMPLEMENTATIONS:
            function = getattr(operation.implementation(kind), direction)
            if isinstance(function, Ladder):
                functions = [rung for rungs in function.parts for rung in rungs]
            else:
                functions = [getattr(function, "py_func", function)]
            for each in functions:
                parameters = inspect.signature(each).parameters.values()
                positional = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
                assert positional == expected, f"{name}: {kind}: {each.__name__}{positional}, expected {expected}"
