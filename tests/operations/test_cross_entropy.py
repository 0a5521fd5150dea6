"""Cross entropy: by hand, at its limits, and against information theory."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError
from kernels.operations import samples
from tests.helpers.running import KINDS, backward, forward, trial


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_slopes_by_hand(kind):
    p, target = np.array([[0.5, 0.25, 0.25]]), np.array([[0, 1, 0]])
    y = forward("cross_entropy", kind, p=p, target=target)["y"]
    np.testing.assert_allclose(y, [2 * np.log(2)], rtol=1e-6)
    dp = backward("cross_entropy", kind, p=p, target=target, dy=[3])["dp"]
    np.testing.assert_allclose(dp, [[0, -12, 0]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_outside_the_target_may_have_probability_zero(kind):
    arrays = {"p": np.array([[1.0, 0.0]]), "target": np.array([[1.0, 0.0]])}
    np.testing.assert_array_equal(forward("cross_entropy", kind, **arrays)["y"], [0])
    np.testing.assert_array_equal(backward("cross_entropy", kind, **arrays, dy=[1])["dp"], [[-1, 0]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_nan_shows_even_outside_the_target(kind):
    p, target = np.array([[0.5, np.nan]]), np.array([[1.0, 0.0]])
    assert np.isnan(forward("cross_entropy", kind, p=p, target=target)["y"]).all()


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999), classes=st.integers(2, 20))
def test_no_prediction_beats_the_target_itself(kind, seed, classes):
    generator = np.random.default_rng(seed)
    p, target = (samples.distributions(generator, (3, classes)) for _ in range(2))
    guess = forward("cross_entropy", kind, p=p, target=target)["y"]
    entropy = forward("cross_entropy", kind, p=target, target=target)["y"]
    assert (guess >= entropy * (1 - 1e-6)).all()


@pytest.mark.parametrize("rung", [1, 2, 3])
def test_a_row_of_more_classes_than_threads(rung):
    generator = np.random.default_rng(0)
    p = samples.distributions(generator, (3, 501)).astype(np.float32)
    classes = np.array([0, 250, 500])
    y = trial("cross_entropy", p=p, target=np.eye(501)[classes]).forward("interpret", rung=rung)["y"]
    np.testing.assert_allclose(y, -np.log(p[range(3), classes]), rtol=1e-6)


@pytest.mark.parametrize(
    ("p", "target", "message"),
    [
        ((2, 3), (2, 4), "p (2, 3) and target (2, 4) must have the same shape"),
        ((3,), (3,), "p (3,) must have 2 sizes (R, C) of at least 1"),
        ((2, 3), (2,), "target (2,) must have 2 sizes (R, C) of at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(p, target, message):
    with pytest.raises(ShapeError, match=re.escape(f"cross_entropy: {message}")):
        forward("cross_entropy", "cpu", p=np.ones(p), target=np.ones(target))
