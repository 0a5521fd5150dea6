"""Softmax: what must hold of it besides what tests/operations/test_operations.py asks of every operation."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernels.operation import ShapeError
from kernels.operations.softmax import operation
from tests.helpers.running import KINDS, backward, trial

LARGEST = float(np.finfo(np.float32).max)
every_kind = pytest.mark.parametrize("kind", KINDS)
every_rung = pytest.mark.parametrize(
    ("kind", "rung"),
    [("reference", None), *(("cpu", rung) for rung in (1, 2, 3)), *(("interpret", rung) for rung in (1, 2, 3))],
)


def rows(limit):
    """x (R, C) with values of any size up to `limit`."""
    return hnp.arrays(
        np.float32, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.floats(-limit, limit, width=32)
    )


def probabilities(kind, x, rung=None):
    return trial("softmax", x=x).forward(kind, rung=rung)["y"]


@every_rung
@given(x=rows(LARGEST))
def test_rows_are_probabilities_whatever_the_values(kind, rung, x):
    y = probabilities(kind, x, rung)
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-5)


@every_rung
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1e30, 1e30], [0.5, 0.5]),
        ([-1e30, -1e30, -1e30, -1e30], [0.25, 0.25, 0.25, 0.25]),
        ([1e30, -1e30, 0], [1, 0, 0]),
        ([-LARGEST, LARGEST], [0, 1]),
        ([-1000, -1000 - np.log(3)], [0.75, 0.25]),
        ([-1e30], [1]),
    ],
)
def test_extreme_values_neither_overflow_nor_vanish(kind, rung, row, expected):
    np.testing.assert_allclose(probabilities(kind, [row], rung), [expected], rtol=1e-4)


@every_rung
def test_a_nan_takes_its_row_and_no_other(kind, rung):
    for place in range(3):
        x = np.zeros((3, 3))
        x[1, place] = np.nan
        y = probabilities(kind, x, rung)
        assert np.isnan(y[1]).all()
        np.testing.assert_allclose(y[[0, 2]], 1 / 3, rtol=1e-6)


@every_kind
@given(x=rows(20), shift=st.integers(-50, 50))
def test_shifting_a_row_changes_nothing(kind, x, shift):
    x = np.round(x * 64) / 64  # so that float32 holds the shifted values exactly
    np.testing.assert_allclose(probabilities(kind, x + shift), probabilities(kind, x), rtol=1e-5, atol=1e-9)


@every_kind
@given(x=rows(20))
def test_larger_values_are_not_less_probable(kind, x):
    y = probabilities(kind, x)
    order = np.argsort(x, axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(y, order, axis=1), axis=1) >= 0).all()


@every_kind
@given(x=rows(5))
def test_dx_sums_to_zero_over_a_row(kind, x):
    """y does not change with a shift of the row, so no delta-error points along one."""
    np.testing.assert_allclose(backward("softmax", kind, x=x)["dx"].sum(axis=1), 0, atol=1e-6)


@every_kind
@given(x=rows(5), level=st.floats(-3, 3, width=32))
def test_a_constant_delta_error_vanishes(kind, x, level):
    """Probabilities sum to 1 anyway, so pushing all of them up alike has no effect."""
    dx = backward("softmax", kind, x=x, dy=np.full(x.shape, level))["dx"]
    np.testing.assert_allclose(dx, 0, atol=2e-6)


@every_kind
@given(x=rows(5))
def test_backward_is_its_own_adjoint(kind, x):
    """The derivative of y[c] by x[c'] is that of y[c'] by x[c]."""
    generator = np.random.default_rng(x.size)
    dy, other = (generator.standard_normal(x.shape) for _ in range(2))
    dx, dx_other = (backward("softmax", kind, x=x, dy=delta)["dx"] for delta in (dy, other))
    np.testing.assert_allclose(np.vdot(dx, other), np.vdot(dx_other, dy), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (2, 0)])
def test_a_shape_that_does_not_fit_is_refused(shape):
    with pytest.raises(ShapeError, match=re.escape(f"softmax: x {shape} must have 2 sizes (R, C) of at least 1")):
        operation.shapes(x=shape)
