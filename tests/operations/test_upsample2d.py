"""Upsampling: by hand, as an adjoint pair, constants and edges."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from kernels.operations.upsample2d import MODES
from tests.helpers.running import KINDS, backward, float64_in, forward
from tests.helpers.strategies import trials

UPSAMPLE = all_operations()["upsample2d"]


def resized(kind, x, size, mode):
    """A single plane in another size."""
    x = np.asarray(x, np.float32)
    return forward("upsample2d", kind, {"size": size, "mode": mode}, x=x[None, None])["y"][0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_by_two_the_nearest_repeats_every_value(kind):
    x = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(resized(kind, x, (4, 6), "nearest"), x.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("kind", KINDS)
def test_by_two_bilinear_takes_three_quarters_of_the_nearer(kind):
    np.testing.assert_array_equal(resized(kind, [[0, 4]], (1, 4), "bilinear"), [[0, 1, 3, 4]])
    np.testing.assert_array_equal(resized(kind, [[0], [4]], (4, 1), "bilinear"), [[0], [1], [3], [4]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_the_same_size_changes_nothing(mode, kind):
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    np.testing.assert_array_equal(resized(kind, x, (5, 3), mode), x)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(UPSAMPLE))
def test_a_constant_stays_and_nothing_leaves_the_range_of_the_values(kind, trial):
    x = trial.arrays["x"]
    constant = forward("upsample2d", kind, trial.settings, x=np.full_like(x, 7))["y"]
    np.testing.assert_allclose(constant, 7, rtol=1e-6)
    y = trial.forward(kind)["y"]
    assert y.min() >= x.min() - 1e-5
    assert y.max() <= x.max() + 1e-5


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(UPSAMPLE))
def test_dx_is_the_adjoint_of_forward(kind, trial):
    x, dy = trial.arrays["x"].astype(np.float64), trial.arrays["dy"].astype(np.float64)
    run = trial.forward(kind)
    dx = trial.backward(kind, run)["dx"]
    np.testing.assert_allclose(np.vdot(run["y"], dy), np.vdot(x, dx), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(UPSAMPLE))
def test_no_delta_error_is_lost_or_doubled(kind, trial):
    dx = trial.backward(kind, trial.forward(kind))["dx"]
    np.testing.assert_allclose(dx.sum((2, 3)), trial.arrays["dy"].sum((2, 3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
@given(seed=st.integers(0, 999))
def test_a_mirrored_picture_by_two_gives_the_mirrored_result(mode, kind, seed):
    x = np.random.default_rng(seed).standard_normal((3, 4))
    y = resized(kind, x, (6, 8), mode)
    np.testing.assert_allclose(resized(kind, x[::-1, ::-1], (6, 8), mode), y[::-1, ::-1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_value_that_is_not_finite_shows_near_its_place_alone(bad, mode, kind):
    x = np.zeros((4, 4))
    x[0, 0] = bad
    finite = np.isfinite(resized(kind, x, (8, 8), mode))
    assert not finite[:2, :2].any()
    assert finite[3:].all()
    assert finite[:, 3:].all()


@pytest.mark.parametrize("mode", MODES)
def test_every_pair_of_sizes_gathers_what_was_taken(mode):
    """The GPU's ranges are closed formulas; here every one of them meets the loop that scatters."""
    for H in range(1, 8):
        for H_out in range(1, 12):
            dy = np.arange(1, H_out + 1, dtype=np.float32).reshape(1, 1, H_out, 1)
            arrays = {"x": np.zeros((1, 1, H, 1)), "dy": dy}
            settings = {"size": (H_out, 1), "mode": mode}
            cpu, gpu = (backward("upsample2d", kind, settings, **arrays)["dx"] for kind in ("cpu", "interpret"))
            np.testing.assert_allclose(gpu, cpu, rtol=1e-5, atol=1e-5, err_msg=f"{H} -> {H_out}")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_compiles_without_float64(direction, mode):
    assert not float64_in("upsample2d", direction, {"mode": mode}, x=np.ones((1, 2, 3, 4)))


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((3, 28), {}, "x (3, 28) must have 4 sizes (R, C, H, W) of at least 1"),
        ((1, 1, 2, 2), {"size": (0, 4)}, "size (0, 4) must be two sizes (rows, columns) of at least 1"),
        ((1, 1, 2, 2), {"size": (4,)}, "size (4,) must be two sizes (rows, columns) of at least 1"),
        ((1, 1, 2, 2), {"mode": "cubic"}, "unknown mode 'cubic'; choose from nearest, bilinear"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shape, settings, message):
    with pytest.raises(ShapeError, match=re.escape(f"upsample2d: {message}")):
        forward("upsample2d", "cpu", settings, x=np.ones(shape))
