"""The delta-error of batch normalization's input, by sums that are given: of any cut of a batch it is the whole's."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers.checks import assert_close
from tests.helpers.running import KINDS, trial
from tests.helpers.shares import delta_errors, normalized
from tests.helpers.strategies import cuts, trials

BATCHNORM, OPERATION = (all_operations()[name] for name in ("batchnorm", "batchnorm_delta"))
every_kind = pytest.mark.parametrize("kind", KINDS)


def assert_delta_errors_of_the_whole(kind, whole, slices, tolerance):
    """`whole` is a trial of batchnorm."""
    learned, running = ({n: whole.arrays[n] for n in names} for names in (("gamma", "beta"), BATCHNORM.state))
    shares, deltas = ([whole.arrays[name][cut] for cut in slices] for name in ("x", "dy"))
    made = normalized(kind, shares, **learned, **running, epsilon=whole.settings["epsilon"])
    dx = np.concatenate(delta_errors(kind, shares, deltas, made, **learned))
    expected = whole.backward("reference", whole.forward("reference"))
    assert_close({"dx": dx}, {"dx": expected["dx"]}, tolerance)


@every_kind
@given(whole=trials(BATCHNORM), data=st.data())
def test_any_cut_of_a_batch_has_the_delta_error_of_the_whole(kind, whole, data):
    whole.settings["training"] = True
    slices = data.draw(cuts(len(whole.arrays["x"])))
    assert_delta_errors_of_the_whole(kind, whole, slices, 1e-9 if kind == "reference" else OPERATION.tolerance)


@every_kind
@given(shape=st.sampled_from([(60, 2), (6, 2, 5, 9), (3, 1, 8, 20)]), data=st.data())
def test_so_it_has_where_the_mean_is_10_000_deviations_from_zero(kind, shape, data):
    generator = np.random.default_rng(0)
    x, dy = generator.normal(100, 0.01, shape), generator.standard_normal(shape)
    ones = np.ones(shape[1])
    whole = trial("batchnorm", {"epsilon": 1e-5}, x=x, dy=dy, gamma=ones, beta=ones)
    assert_delta_errors_of_the_whole(kind, whole, data.draw(cuts(len(x))), 1e-6 if kind == "reference" else 1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": (4, 3, 5)}, "x (4, 3, 5) must have 4 sizes (R, C, H, W) of at least 1"),
        ({"dy": (5, 3)}, "dy (5, 3) and x (4, 3) must have the same shape"),
        ({"mean": (3,)}, "mean (3,) must be (2, 3)"),
        ({"dbeta": (4,)}, "dbeta (4,) must be (3,)"),
        ({"count": -1}, "count -1 must be at least 0"),
    ],
)
def test_shapes_and_settings_that_do_not_fit_are_refused(changed, message):
    channels = dict.fromkeys(("gamma", "inverse_std", "dgamma", "dbeta"), (3,))
    given = {"dy": (4, 3), "x": (4, 3), "mean": (2, 3), **channels, "count": 0, **changed}
    with pytest.raises(ShapeError, match=f"^{re.escape(f'batchnorm_delta: {message}')}$"):
        OPERATION.shapes(**given)
