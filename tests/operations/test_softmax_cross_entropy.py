"""Softmax and cross entropy in one: the two in a row, but stable."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers import running
from tests.helpers.running import KINDS, backward, forward
from tests.helpers.strategies import trials

FUSED = all_operations()["softmax_cross_entropy"]
HUGE = 3e38


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(FUSED))
def test_equals_cross_entropy_of_softmax(kind, trial):
    x, target, dy = (trial.arrays[name] for name in ("x", "target", "dy"))
    fused = trial.forward(kind)
    p = forward("softmax", kind, x=x)["y"]
    np.testing.assert_allclose(fused["p"], p, rtol=1e-5)
    np.testing.assert_allclose(fused["y"], forward("cross_entropy", kind, p=p, target=target)["y"], rtol=1e-4)
    dp = backward("cross_entropy", kind, p=p, target=target, dy=dy)["dp"]
    dx = backward("softmax", kind, x=x, dy=dp)["dx"]
    np.testing.assert_allclose(trial.backward(kind, fused)["dx"], dx, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(FUSED), shift=st.integers(-64, 64))
def test_a_shift_of_all_logits_changes_nothing(kind, trial, shift):
    x = np.round(trial.arrays["x"] * 64) / 64  # so that the shift loses no digits
    target = trial.arrays["target"]
    plain = forward("softmax_cross_entropy", kind, x=x, target=target)
    shifted = forward("softmax_cross_entropy", kind, x=x + shift, target=target)
    np.testing.assert_allclose(shifted["y"], plain["y"], rtol=1e-6)
    np.testing.assert_allclose(shifted["p"], plain["p"], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(FUSED))
def test_probabilities_sum_to_one_and_delta_errors_to_zero(kind, trial):
    fused = trial.forward(kind)
    np.testing.assert_allclose(fused["p"].sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(trial.backward(kind, fused)["dx"].sum(axis=1), 0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", [[HUGE, 0, -HUGE], [-HUGE, -HUGE, -HUGE], [88, -1000, 1000], [0, 0, 1e-38]])
def test_any_finite_logits_give_finite_results(row, kind):
    x = np.array([row])
    target = (x == x.max()) / (x == x.max()).sum()
    fused = forward("softmax_cross_entropy", kind, x=x, target=target)
    np.testing.assert_allclose(fused["p"].sum(axis=1), 1, rtol=1e-6)
    assert np.isfinite(fused["y"]).all()
    assert np.isfinite(backward("softmax_cross_entropy", kind, x=x, target=target)["dx"]).all()


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_shows(bad, kind):
    target = np.eye(3)[[0, 1]]
    fused = forward("softmax_cross_entropy", kind, x=np.array([[0, bad, 0], [0, 1, 2]]), target=target)
    np.testing.assert_array_equal(np.isnan(fused["y"]), [True, False])


@pytest.mark.parametrize("rung", [1, 2, 3])
def test_a_nan_shows_in_a_row_without_target_too(rung):
    case = running.trial("softmax_cross_entropy", x=np.array([[0, np.nan], [0, 1]]), target=np.zeros((2, 2)))
    for fused in (case.forward("reference"), case.forward("cpu"), case.forward("interpret", rung=rung)):
        np.testing.assert_array_equal(fused["y"], [np.nan, 0])


def test_different_shapes_are_refused():
    message = "softmax_cross_entropy: x (2, 3) and target (3, 2) must have the same shape"
    with pytest.raises(ShapeError, match=re.escape(message)):
        forward("softmax_cross_entropy", "cpu", x=np.ones((2, 3)), target=np.ones((3, 2)))


@pytest.mark.parametrize(("kind", "rung"), [("reference", None), ("cpu", None), ("interpret", 1), ("interpret", 2)])
def test_targets_need_not_sum_to_one(kind, rung):
    """Weights of examples, or several classes at once: eq. 57 asks for no distribution, and so eq. 55 needs the sum."""
    target = np.array([[0, 0, 0], [1, 1, 0], [0.25, 0, 0.5], [0, 3, 0]], np.float32)
    x, dy = running.random(4, 3), running.random(4, seed=1)
    p = np.exp(x.astype(float)) / np.exp(x.astype(float)).sum(axis=1, keepdims=True)
    fused = running.trial("softmax_cross_entropy", x=x, target=target, dy=dy)
    made = fused.forward("cpu")
    np.testing.assert_allclose(made["y"], -(target * np.log(p)).sum(axis=1), rtol=1e-5, atol=1e-6)
    how = {} if rung is None else {"rung": rung}
    expected = dy[:, None] * (p * target.sum(axis=1, keepdims=True) - target)
    np.testing.assert_allclose(fused.backward(kind, made, **how)["dx"], expected, rtol=1e-4, atol=1e-6)
