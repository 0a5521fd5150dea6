"""Sums over each channel: those of shares add up to those of the whole, and say what a channel's variance is."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from kernels.operations.batchnorm.reference import all_but_channels
from tests.helpers.running import KINDS, forward, trial
from tests.helpers.strategies import cuts, trials

CHANNEL_SUMS = all_operations()["channel_sums"]
RUNGS = [("reference", None), ("cpu", None), ("interpret", 1), ("interpret", 2), ("emulate", 1), ("emulate", 2)]


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(CHANNEL_SUMS), data=st.data())
def test_those_of_any_cut_of_a_batch_add_up_to_those_of_the_whole(kind, trial, data):
    x = trial.arrays["x"]
    parts = [forward("channel_sums", kind, x=x[cut])["sums"] for cut in data.draw(cuts(len(x)))]
    np.testing.assert_allclose(sum(parts), trial.forward("reference")["sums"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "rung"), RUNGS)
@pytest.mark.parametrize("shape", [(60, 2), (6, 2, 5, 9), (6, 2, 5, 8)])
def test_what_they_say_of_the_variance_is_right_where_the_mean_is_10_000_deviations_from_zero(kind, rung, shape):
    """In float32 nothing would be left of it."""
    x = np.random.default_rng(0).normal(100, 0.01, shape).astype(np.float32)
    case = trial("channel_sums", x=x)
    sums = case.forward(kind, rung=rung)["sums"]
    axes, n = all_but_channels(x), x.size // x.shape[1]
    assert sums.dtype == np.float64
    np.testing.assert_allclose(sums[0] / n, x.mean(axis=axes, dtype=np.float64), rtol=1e-11)
    np.testing.assert_allclose(sums[1] / n - (sums[0] / n) ** 2, x.var(axis=axes, dtype=np.float64), rtol=1e-6)


def test_a_shape_that_does_not_fit_is_refused():
    message = "channel_sums: x (4, 3, 5) must have 4 sizes (R, C, H, W) of at least 1"
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        forward("channel_sums", "cpu", x=np.zeros((4, 3, 5)))
