"""Smooth L1: eq. 59 by hand, where its two pieces meet, and rows that do not count."""

import re

import numpy as np
import pytest
from hypothesis import given

from kernels.operation import ShapeError, all_operations
from tests.helpers.running import KINDS, backward, float64_in, forward
from tests.helpers.strategies import trials

SMOOTH = all_operations()["smooth_l1"]


def loss(kind, x, beta=1.0):
    """Of errors x, one a row: losses and slopes."""
    prediction = np.reshape(x, (-1, 1))
    arrays = {"prediction": prediction, "target": np.zeros_like(prediction), "weight": np.ones(len(prediction))}
    y = forward("smooth_l1", kind, {"beta": beta}, **arrays)["y"]
    d = backward("smooth_l1", kind, {"beta": beta}, **arrays, dy=np.ones(len(prediction)))["dprediction"]
    return y, d[:, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_slopes_by_hand(kind):
    y, slopes = loss(kind, [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    np.testing.assert_array_equal(y, [2.5, 0.5, 0.125, 0, 0.125, 0.5, 2.5])
    np.testing.assert_array_equal(slopes, [-1, -1, -0.5, 0, 0.5, 1, 1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [1 / 9, 1.0, 4.0])
def test_the_two_pieces_meet_in_value_and_slope(beta, kind):
    y, slopes = loss(kind, beta * np.array([1 - 1e-6, 1, 1 + 1e-6]), beta)
    np.testing.assert_allclose(y, beta / 2, rtol=1e-5)
    np.testing.assert_allclose(slopes, 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_weight_do_not_count_whatever_they_hold(kind):
    prediction, target = np.array([[1.0, np.nan], [np.inf, 0.0], [1.0, 2.0]]), np.array([[0, 0], [0, np.nan], [0, 0]])
    arrays = {"prediction": prediction, "target": target, "weight": [0, 0, 2], "dy": np.ones(3)}
    np.testing.assert_array_equal(forward("smooth_l1", kind, **arrays)["y"], [0, 0, 4])
    np.testing.assert_array_equal(backward("smooth_l1", kind, **arrays)["dprediction"], [[0, 0], [0, 0], [2, 2]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_nan_shows_in_a_row_that_counts_and_infinity_costs_infinitely(kind):
    y, slopes = loss(kind, [np.nan, np.inf, -np.inf, 1.0])
    np.testing.assert_array_equal(y, [np.nan, np.inf, np.inf, 0.5])
    np.testing.assert_array_equal(slopes, [np.nan, 1, -1, 1])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(SMOOTH))
def test_swapping_prediction_and_target_turns_the_delta_error_around(kind, trial):
    a, b, weight, dy = (trial.arrays[name] for name in ("prediction", "target", "weight", "dy"))
    one = {"prediction": a, "target": b, "weight": weight, "dy": dy}
    other = one | {"prediction": b, "target": a}
    for name, sign in (("y", 1), ("dprediction", -1)):
        run = forward if name == "y" else backward
        got, swapped = (run("smooth_l1", kind, trial.settings, **arrays)[name] for arrays in (one, other))
        np.testing.assert_array_equal(swapped, sign * got)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_compiles_without_float64(direction):
    arrays = {"prediction": np.ones((2, 4)), "target": np.ones((2, 4)), "weight": np.ones(2)}
    assert not float64_in("smooth_l1", direction, **arrays)


@pytest.mark.parametrize(
    ("shapes", "beta", "message"),
    [
        (((2, 4), (2, 3), (2,)), 1.0, "prediction (2, 4) and target (2, 3) must have the same shape"),
        (((4,), (4,), (4,)), 1.0, "prediction (4,) must have 2 sizes (R, N) of at least 1"),
        (((2, 4), (2, 4), (4,)), 1.0, "weight (4,) must be (2,)"),
        (((2, 4), (2, 4), (2,)), 0.0, "beta 0.0 must be above 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shapes, beta, message):
    prediction, target, weight = map(np.ones, shapes)
    with pytest.raises(ShapeError, match=re.escape(f"smooth_l1: {message}")):
        forward("smooth_l1", "cpu", {"beta": beta}, prediction=prediction, target=target, weight=weight)
