"""L2 pooling: a norm for each window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import all_operations
from tests.helpers.running import KINDS, backward, forward
from tests.helpers.strategies import trials

L2POOL = all_operations()["l2pool2d"]


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(L2POOL), factor=st.floats(-4, 4, width=16))
def test_a_factor_comes_out_without_its_sign(kind, trial, factor):
    y = trial.forward(kind)["y"]
    scaled = forward("l2pool2d", kind, trial.settings, x=np.float32(factor) * trial.arrays["x"])["y"]
    np.testing.assert_allclose(scaled, abs(factor) * y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(L2POOL))
def test_values_and_delta_errors_balance(kind, trial):
    """Euler's theorem for homogeneous functions: the sum of x dx is the sum of y dy."""
    forward_arrays = trial.forward(kind)
    dx = trial.backward(kind, forward_arrays)["dx"]
    given_back, received = np.vdot(trial.arrays["x"], dx), np.vdot(forward_arrays["y"], trial.arrays["dy"])
    size = np.linalg.norm(forward_arrays["y"]) * np.linalg.norm(trial.arrays["dy"])
    assert abs(given_back - received) <= 1e-5 * size


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(L2POOL))
def test_lies_between_the_largest_size_and_the_sum_of_sizes(kind, trial):
    y = trial.forward(kind)["y"]
    sizes = np.abs(trial.arrays["x"])
    largest = forward("maxpool2d", kind, trial.settings, x=sizes)["y"]
    total = forward("avgpool2d", kind, trial.settings, x=sizes)["y"] * np.prod(trial.settings["window"])
    assert (largest * (1 - 1e-6) <= y).all()
    assert (y <= total * (1 + 1e-5)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_of_zeros_gives_no_delta_error(kind):
    x = np.zeros((1, 1, 2, 4))
    x[..., 2:] = [[3, 0], [0, 4]]
    dx = backward("l2pool2d", kind, x=x, dy=np.ones((1, 1, 1, 2)))["dx"]
    np.testing.assert_allclose(dx[0, 0], [[0, 0, 0.6, 0], [0, 0, 0, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_nan_passes(kind):
    x = np.ones((1, 1, 2, 4))
    x[0, 0, 1, 1] = np.nan
    y = forward("l2pool2d", kind, x=x)["y"]
    np.testing.assert_array_equal(np.isnan(y).ravel(), [True, False])
