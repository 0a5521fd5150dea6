"""Batch normalization by sums that are given: of any cut of a batch, with the sums of all, it is that of the whole."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers.checks import assert_close
from tests.helpers.running import KINDS, forward, trial
from tests.helpers.shares import normalized
from tests.helpers.strategies import cuts, trials

BATCHNORM, OPERATION = (all_operations()[name] for name in ("batchnorm", "batchnorm_of_sums"))
CHANNELS = ("gamma", "beta", "running_mean", "running_var")
every_kind = pytest.mark.parametrize("kind", KINDS)


def assert_normalized_as_the_whole(kind, whole, slices, tolerance):
    """Each share by itself, as all devices must know the same of a channel; `whole` is a trial of batchnorm."""
    settings = {name: whole.settings[name] for name in ("epsilon", "momentum")}
    shares = [whole.arrays["x"][cut] for cut in slices]
    expected = whole.forward("reference")
    made = normalized(kind, shares, **{name: whole.arrays[name] for name in CHANNELS}, **settings)
    for cut, each in zip(slices, made, strict=True):
        mean = {"mean": each["mean"].sum(axis=0, dtype=np.float64)}
        assert_close({**each, **mean}, {**expected, "y": expected["y"][cut], "mean": expected["mean"][0]}, tolerance)


@every_kind
@given(whole=trials(BATCHNORM), data=st.data())
def test_any_cut_of_a_batch_is_normalized_as_the_whole(kind, whole, data):
    whole.settings["training"] = True
    slices = data.draw(cuts(len(whole.arrays["x"])))
    assert_normalized_as_the_whole(kind, whole, slices, 1e-9 if kind == "reference" else OPERATION.tolerance)


@every_kind
@given(shape=st.sampled_from([(60, 2), (6, 2, 5, 9), (3, 1, 8, 20)]), data=st.data())
def test_so_it_is_where_the_mean_is_10_000_deviations_from_zero(kind, shape, data):
    """Which takes 8 of the 16 digits that a difference of squares has in float64, and would leave none of float32."""
    x = np.random.default_rng(0).normal(100, 0.01, shape)
    ones = np.ones(shape[1])
    whole = trial("batchnorm", {"epsilon": 1e-5, "momentum": 0.5}, x=x, gamma=ones, beta=ones)
    assert_normalized_as_the_whole(kind, whole, data.draw(cuts(len(x))), 1e-6)


@every_kind
def test_a_variance_that_rounding_leaves_below_zero_is_zero(kind):
    sums = np.array([[40 * 100.0], [40 * (100.0**2 - 0.01)]])  # of 40 times 100, with errors as no rounding makes them
    given = {"x": np.full((40, 1), 100.0), "gamma": [2.0], "beta": [3.0], "sums": sums, "running_var": [1.0]}
    got = forward("batchnorm_of_sums", kind, {"epsilon": 1e-4, "momentum": 0.25}, **given)
    np.testing.assert_allclose(got["inverse_std"], 100, rtol=1e-6)
    np.testing.assert_allclose(got["running_var"], 0.75, rtol=1e-6)
    np.testing.assert_allclose(got["y"], 3, rtol=1e-6)


@every_kind
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_value_that_is_not_finite_shows_in_its_channel_on_every_device(kind, bad):
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 4)).astype(np.float32)
    x[3, 1, 2, 0] = bad
    for each in normalized(kind, [x[:2], x[2:]], **dict.fromkeys(CHANNELS, np.ones(2, np.float32))):
        assert np.isfinite(each["y"][:, 0]).all()
        assert not np.isfinite(each["y"][:, 1]).any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": (4, 3, 5)}, "x (4, 3, 5) must have 4 sizes (R, C, H, W) of at least 1"),
        ({"gamma": (4,)}, "gamma (4,) must be (3,)"),
        ({"sums": (3,)}, "sums (3,) must be (2, 3)"),
        ({"epsilon": 0.0}, "epsilon 0.0 must be above 0"),
        ({"count": -1}, "count -1 must be at least 0"),
    ],
)
def test_shapes_and_settings_that_do_not_fit_are_refused(changed, message):
    given = {"x": (4, 3), "gamma": (3,), "beta": (3,), "sums": (2, 3), **OPERATION.settings, **changed}
    with pytest.raises(ShapeError, match=f"^{re.escape(f'batchnorm_of_sums: {message}')}$"):
        OPERATION.shapes(**given)
