"""Activation functions: their values and slopes where they are known, and what they must keep."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError
from kernels.operations.activation import FUNCTIONS
from tests.helpers.running import KINDS, backward, float64_in, forward

FAR = 1e30


def value(function, kind, x):
    return forward("activation", kind, {"function": function}, x=np.atleast_1d(x))["y"]


def slope(function, kind, x):
    x = np.atleast_1d(x)
    return backward("activation", kind, {"function": function}, x=x, dy=np.ones(x.shape))["dx"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("relu", (0, 0, FAR)),
        ("leaky_relu", (-0.01 * FAR, 0, FAR)),
        ("sigmoid", (0, 0.5, 1)),
        ("tanh", (-1, 0, 1)),
        ("arctan", (-np.pi / 2, 0, np.pi / 2)),
    ],
)
def test_values_at_zero_and_far_out(function, expected, kind):
    np.testing.assert_allclose(value(function, kind, [-FAR, 0, FAR]), expected, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("relu", (0, 1, 1)),
        ("leaky_relu", (0.01, 1, 1)),
        ("sigmoid", (0, 0.25, 0)),
        ("tanh", (0, 1, 0)),
        ("arctan", (0, 1, 0)),
    ],
)
def test_slopes_at_zero_and_far_out(function, expected, kind):
    np.testing.assert_allclose(slope(function, kind, [-1e15, 0, 1e15]), expected, rtol=1e-6, atol=1e-20)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_nan_passes(function, kind):
    assert np.isnan(value(function, kind, [np.nan])).all()


@pytest.mark.parametrize("kind", ["cpu", "interpret"])
def test_small_probabilities_and_slopes_keep_their_digits(kind):
    x = np.array([-80.0, -30.0, 10.0])
    np.testing.assert_allclose(value("sigmoid", kind, x[:2]), np.exp(x[:2]), rtol=1e-5)
    np.testing.assert_allclose(slope("sigmoid", kind, x[:2]), np.exp(x[:2]), rtol=1e-5)
    np.testing.assert_allclose(slope("tanh", kind, x[2:]), 4 * np.exp(-2 * x[2:]), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(x=st.floats(-50, 50, width=32))
def test_symmetries(kind, x):
    for odd in ("tanh", "arctan"):
        np.testing.assert_array_equal(value(odd, kind, -x), -value(odd, kind, x))
    np.testing.assert_allclose(value("sigmoid", kind, -x) + value("sigmoid", kind, x), 1, rtol=1e-6)
    np.testing.assert_allclose(value("relu", kind, x) - value("relu", kind, -x), x)


@pytest.mark.parametrize("kind", KINDS)
@given(x=st.floats(-1e6, 1e6, width=32))
def test_applying_relu_twice_changes_nothing(kind, x):
    once = value("relu", kind, x)
    np.testing.assert_array_equal(value("relu", kind, once), once)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_compiles_without_float64(function):
    for direction in ("forward", "backward"):
        assert not float64_in("activation", direction, {"function": function}, x=np.ones(3))


def test_an_unknown_function_is_refused_by_name():
    message = "activation: unknown function 'gelu'; choose from relu, leaky_relu, sigmoid, tanh, arctan"
    with pytest.raises(ShapeError, match=re.escape(message)):
        forward("activation", "cpu", {"function": "gelu"}, x=np.ones(3))
