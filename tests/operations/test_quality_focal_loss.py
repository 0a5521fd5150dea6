"""Quality focal loss: eq. 2, focal loss where the quality is 1, digits at both ends, and what does not count."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers.running import KINDS, backward, float64_in, forward
from tests.helpers.strategies import trials

QUALITY_FOCAL = all_operations()["quality_focal_loss"]
HUGE = 3e38


def loss(kind, x, q, beta=2.0):
    """Of faces with logits x and qualities q: losses and slopes."""
    x = np.array(x, float)[np.newaxis]
    target = np.zeros((*x.shape, 2))
    target[..., 1] = 1
    arrays = {"x": x, "target": target, "quality": np.broadcast_to(q, x.shape)}
    y = forward("quality_focal_loss", kind, {"beta": beta}, **arrays)["y"][0]
    return y, backward("quality_focal_loss", kind, {"beta": beta}, **arrays, dy=np.ones_like(x))["dx"][0]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999), beta=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]))
def test_equation_2_of_generalized_focal_loss(kind, seed, beta):
    generator = np.random.default_rng(seed)
    x, q = 3 * generator.standard_normal(9), generator.random(9)
    s = 1 / (1 + np.exp(-x))
    printed = -(np.abs(q - s) ** beta) * ((1 - q) * np.log(1 - s) + q * np.log(s))
    np.testing.assert_allclose(loss(kind, x, q, beta)[0], printed, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_background_and_face_are_added_by_their_targets(kind):
    x, target = np.log([[3, 3, 3, 3]]), [[[2, 0], [0, 3], [2, 3], [0, 0]]]
    arrays = {"x": x, "target": target, "quality": np.full((1, 4), 0.5)}
    background, face = 0.75**2 * np.log(4), 0.25**2 * (np.log(4) - 0.5 * np.log(3))
    expected = [[2 * background, 3 * face, 2 * background + 3 * face, 0]]
    np.testing.assert_allclose(forward("quality_focal_loss", kind, **arrays)["y"], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(QUALITY_FOCAL))
def test_with_a_quality_of_1_it_is_the_focal_loss(kind, trial):
    x, target, dy = (trial.arrays[name] for name in ("x", "target", "dy"))
    arrays = {"x": x, "target": target, "quality": np.ones_like(x), "dy": dy}
    flat = {"x": x.reshape(-1, 1), "target": target.reshape(-1, 2), "dy": dy.reshape(-1)}
    settings = {"alpha": 1.0, "gamma": trial.settings["beta"]}
    y = forward("quality_focal_loss", kind, trial.settings, **arrays)["y"].reshape(-1)
    np.testing.assert_allclose(y, forward("focal_loss", kind, settings, **flat)["y"], rtol=1e-4, atol=1e-6)
    dx = backward("quality_focal_loss", kind, trial.settings, **arrays)["dx"].reshape(-1, 1)
    np.testing.assert_allclose(dx, backward("focal_loss", kind, settings, **flat)["dx"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
def test_the_least_of_it_lies_where_the_score_is_the_quality(beta, kind):
    x = np.array([-2.0, 0.0, 2.0])
    s = 1 / (1 + np.exp(-x))
    for q in s:
        assert (np.sign(loss(kind, x, q, beta)[1][s != q]) == np.sign(s - q)[s != q]).all()
    y, slopes = loss(kind, [0.0], [0.5], beta)  # where both are the same to the last digit
    np.testing.assert_array_equal(slopes, 0)
    np.testing.assert_allclose(y, np.log(2) if beta == 0 else 0, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(QUALITY_FOCAL))
def test_a_face_seen_the_other_way_round_costs_the_same(kind, trial):
    """x, s and q become -x, 1 - s and 1 - q: the slope changes its sign."""
    x, q, beta = trial.arrays["x"][0], np.round(trial.arrays["quality"][0] * 64) / 64, trial.settings["beta"]
    (y, slopes), (mirrored, back) = loss(kind, x, q, beta), loss(kind, -x, 1 - q, beta)
    np.testing.assert_allclose(mirrored, y, rtol=1e-6)
    np.testing.assert_allclose(back, -slopes, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_an_easy_example_keeps_its_digits_at_either_end(beta, kind):
    """Where s rounds to 1 in float32, or 1 - s does, the loss is still p^(beta + 1), with p what is left."""
    p = np.exp(-20)
    y, slopes = loss(kind, [20.0, -20.0], [1.0, 0.0], beta)
    np.testing.assert_allclose(y, p ** (beta + 1), rtol=1e-5)
    np.testing.assert_allclose(slopes, (beta + 1) * p ** (beta + 1) * np.array([-1, 1]), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("q", [0.0, 1e-30, 0.3, 1.0])
def test_any_finite_logit_gives_finite_results(q, beta, kind):
    y, slopes = loss(kind, [-HUGE, -1000, -100, -90, -1e-38, 0, 1e-38, 17, 90, 100, 1000, HUGE], q, beta)
    assert np.isfinite(y).all()
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("kind", KINDS)
def test_certain_and_wrong_costs_the_distance_to_go(kind):
    y, slopes = loss(kind, [1000.0, -1000.0, 1000.0], [0.0, 1.0, 0.75])
    np.testing.assert_allclose(y, [1000, 1000, 0.25**3 * 1000])
    np.testing.assert_allclose(slopes, [1, -1, 0.25**3])


@pytest.mark.parametrize("kind", KINDS)
def test_an_infinite_logit_costs_nothing_or_without_end(kind):
    y, slopes = loss(kind, [np.inf, -np.inf, np.inf, -np.inf], [1, 0, 0, 1])
    np.testing.assert_array_equal(y, [0, 0, np.inf, np.inf])
    np.testing.assert_array_equal(slopes, [0, 0, 1, -1])


@pytest.mark.parametrize("kind", KINDS)
def test_what_does_not_count_costs_nothing_whatever_stands_there(kind):
    """An ignored anchor is not read, nor the quality of background; a NaN that counts shows, and in its place alone."""
    x = np.array([[np.nan, np.inf, 1.0, np.nan, np.nan, 2.0]])
    target = [[[0, 0], [0, 0], [1, 0], [1, 0], [0, 1], [0, 1]]]
    arrays = {"x": x, "target": target, "quality": [[0.5, np.nan, np.nan, 0.5, 0.5, np.nan]], "dy": np.ones((1, 6))}
    for got in (
        forward("quality_focal_loss", kind, **arrays)["y"],
        backward("quality_focal_loss", kind, **arrays)["dx"],
    ):
        np.testing.assert_array_equal(got[0, :2], 0)
        np.testing.assert_array_equal(np.isnan(got[0]), [False, False, False, True, True, True])


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_compiles_without_float64(direction):
    arrays = {"x": np.ones((2, 3)), "target": np.ones((2, 3, 2)), "quality": np.ones((2, 3))}
    assert not float64_in("quality_focal_loss", direction, **arrays)


@pytest.mark.parametrize(
    ("shapes", "beta", "message"),
    [
        (((6,), (6, 2), (6,)), 2.0, "x (6,) must have 2 sizes (R, N) of at least 1"),
        (((2, 3), (2, 3), (2, 3)), 2.0, "target (2, 3) must be (2, 3, 2)"),
        (((2, 3), (2, 3, 2), (3, 2)), 2.0, "x (2, 3) and quality (3, 2) must have the same shape"),
        (((2, 3), (2, 3, 2), (2, 3)), -1.0, "beta -1.0 must be at least 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shapes, beta, message):
    x, target, quality = map(np.ones, shapes)
    with pytest.raises(ShapeError, match=re.escape(f"quality_focal_loss: {message}")):
        forward("quality_focal_loss", "cpu", {"beta": beta}, x=x, target=target, quality=quality)
