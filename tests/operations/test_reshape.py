"""Reshape: only its shape rule exists."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import RandomDraw, ShapeError
from kernels.operations.reshape import operation


def test_nothing_runs():
    assert operation.view
    assert operation.flops((2, 3), shape=(6,)) == (0, 0)


@given(seed=st.integers(0, 999))
def test_the_number_of_values_stays(seed):
    case = operation.case(RandomDraw(np.random.default_rng(seed)))
    assert np.prod(operation.shapes(**case)["y"]) == np.prod(case["x"])


@pytest.mark.parametrize("shape", [(), (5,), (2, -3), (0,)])
def test_another_number_of_values_is_refused(shape):
    message = f"reshape: shape {shape} does not hold the 6 values of x (2, 3)"
    with pytest.raises(ShapeError, match=re.escape(message)):
        operation.shapes((2, 3), shape=shape)
