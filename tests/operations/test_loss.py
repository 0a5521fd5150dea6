"""Losses: by hand, against PyTorch, at equality and at the ends of the range."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError
from kernels.operations import samples
from kernels.operations.loss import FUNCTIONS
from tests.helpers.running import KINDS, backward, float64_in, forward, trial


def loss(function, kind, prediction, target):
    return forward("loss", kind, {"function": function}, prediction=prediction, target=target)["y"]


def slope(function, kind, prediction, target):
    dy = np.ones(len(prediction))
    arrays = {"prediction": prediction, "target": target, "dy": dy}
    return backward("loss", kind, {"function": function}, **arrays)["dprediction"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("function", "value", "slopes"),
    [
        ("mse", 2.5, (1, -2)),
        ("l2", 5, (2, -4)),
        ("l1", 3, (1, -1)),
        ("mae", 1.5, (0.5, -0.5)),
        ("mape", 250 / 3, (50, -50 / 3)),
        ("msle", (np.log(1.5) ** 2 + np.log(2) ** 2) / 2, (np.log(1.5) / 3, -np.log(2) / 2)),
    ],
)
def test_values_and_slopes_by_hand(function, value, slopes, kind):
    prediction, target = np.array([[2.0, 1.0]]), np.array([[1.0, 3.0]])
    np.testing.assert_allclose(loss(function, kind, prediction, target), [value], rtol=1e-6)
    np.testing.assert_allclose(slope(function, kind, prediction, target), [slopes], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_binary_cross_entropy_by_hand(kind):
    prediction, target = np.array([[0.5, 0.25]]), np.array([[1.0, 0.0]])
    np.testing.assert_allclose(loss("bce", kind, prediction, target), [(np.log(2) - np.log(0.75)) / 2], rtol=1e-6)
    np.testing.assert_allclose(slope("bce", kind, prediction, target), [[-1, 2 / 3]], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:divide by zero encountered")
@pytest.mark.parametrize("kind", KINDS)
def test_certain_and_right_costs_nothing_certain_and_wrong_costs_everything(kind):
    certain = np.array([[0.0, 1.0]])
    np.testing.assert_array_equal(loss("bce", kind, certain, certain), [0])
    np.testing.assert_array_equal(slope("bce", kind, certain, certain), [[0.5, -0.5]])
    np.testing.assert_array_equal(loss("bce", kind, certain, 1 - certain), [np.inf])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f != "bce"])
@given(seed=st.integers(0, 999))
def test_a_perfect_prediction_costs_nothing_and_sends_nothing_back(function, kind, seed):
    target = samples.positive(np.random.default_rng(seed), (2, 5))
    np.testing.assert_array_equal(loss(function, kind, target, target), 0)
    np.testing.assert_array_equal(slope(function, kind, target, target), 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_nan_shows_in_its_row_alone(function, kind):
    prediction, target = np.full((2, 3), 0.5), np.full((2, 3), 0.25)
    prediction[0, 1] = np.nan
    np.testing.assert_array_equal(np.isnan(loss(function, kind, prediction, target)), [True, False])
    np.testing.assert_array_equal(np.isnan(slope(function, kind, prediction, target)), np.isnan(prediction))


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_over_the_batch_is_the_mean_squared_error(kind):
    """Zozoulenko (2018), eq. 8 and 16: the sum runs over R N values, the slope is 2 / (R N) times the error."""
    R, N = 4, 6
    prediction, target = np.random.default_rng(0).standard_normal((2, R, N))
    y = loss("mse", kind, prediction, target)
    np.testing.assert_allclose(y.mean(), ((prediction - target) ** 2).sum() / (R * N), rtol=1e-5)
    arrays = {"prediction": prediction, "target": target, "dy": np.full(R, 1 / R)}
    d = backward("loss", kind, **arrays)["dprediction"]
    np.testing.assert_allclose(d, 2 / (R * N) * (prediction - target), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("rung", [1, 2, 3])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_rung_computes_every_loss(function, rung):
    generator = np.random.default_rng(0)
    p, target = (samples.probabilities(generator, (3, 75)) for _ in range(2))
    case = trial("loss", {"function": function}, prediction=p, target=target)
    expected = case.forward("reference")["y"]
    np.testing.assert_allclose(case.forward("interpret", rung=rung)["y"], expected, rtol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_loss_compiles_without_float64(function):
    arrays = {"prediction": np.ones((2, 3)), "target": np.ones((2, 3))}
    for direction in ("forward", "backward"):
        assert not float64_in("loss", direction, {"function": function}, **arrays)


@pytest.mark.parametrize(
    ("prediction", "target", "function", "message"),
    [
        ((2, 3), (2, 4), "mse", "prediction (2, 3) and target (2, 4) must have the same shape"),
        ((3,), (3,), "mse", "prediction (3,) must have 2 sizes (R, N) of at least 1"),
        ((2, 3), (2, 3), "hinge", "unknown function 'hinge'; choose from mse, msle, l2, l1, mae, mape, bce"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(prediction, target, function, message):
    with pytest.raises(ShapeError, match=re.escape(f"loss: {message}")):
        loss(function, "cpu", np.ones(prediction), np.ones(target))
