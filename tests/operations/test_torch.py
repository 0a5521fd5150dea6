"""Every operation that PyTorch has too computes the same there, forward and, by autograd, backward.

Both in float64, so that nothing but a difference of what is meant can be seen.
"""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import all_operations
from tests.helpers.checks import check_torch
from tests.helpers.strategies import trials

torch = pytest.importorskip("torch")

IN_TORCH = {name: run for name, o in all_operations().items() if (run := o.in_torch())}
RUNNING = [name for name in IN_TORCH if not all_operations()[name].view]


@pytest.mark.parametrize("name", RUNNING)
@given(data=st.data())
def test_the_reference_computes_what_pytorch_computes(name, data):
    check_torch(data.draw(trials(all_operations()[name], smooth=True)))


@pytest.mark.parametrize("name", IN_TORCH)
def test_it_takes_the_inputs_the_state_and_the_settings_of_the_spec(name):
    operation = all_operations()[name]
    assert tuple(inspect.signature(IN_TORCH[name]).parameters) == (
        *operation.inputs,
        *operation.state,
        *operation.settings,
    )
