"""Reductions: accurate over millions of values, repeatable, and never finite where a value is not."""

import math
import re

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError
from kernels.operations.reduce import HOW, cpu
from tests.helpers.running import KINDS, backward, float64_in, forward, trial
from tests.helpers.strategies import cuts

RUNGS = (1, 2, 3)


def reduce(how, kind, x, **options):
    return trial("reduce", {"how": how}, x=x).forward(kind, **options)["y"][0]


def test_millions_of_values_are_added_without_loss():
    x = np.random.default_rng(0).standard_normal(3_000_001).astype(np.float32)
    exact = math.fsum(x.tolist())
    assert reduce("sum", "cpu", x) == np.float32(exact)
    assert reduce("norm", "cpu", x) == np.float32(math.sqrt(math.fsum((x.astype(np.float64) ** 2).tolist())))


def test_small_values_after_a_large_one_are_not_lost():
    x = np.full(2_000_001, 1e-3)
    x[0] = 1e6
    assert reduce("sum", "cpu", x) == pytest.approx(1e6 + 2000, rel=1e-7)


@pytest.mark.parametrize("rung", RUNGS)
def test_rungs_add_as_well_as_float32_can(rung):
    x = np.random.default_rng(1).normal(0, 1, 3000).astype(np.float32)
    got = reduce("sum", "interpret", x, rung=rung)
    assert abs(got - math.fsum(x.tolist())) <= 1e-6 * np.abs(x).sum()


@pytest.mark.parametrize("squares", [False, True])
def test_the_number_of_cores_does_not_change_a_bit(squares):
    x = np.random.default_rng(2).standard_normal(1_000_003).astype(np.float32)
    threads = numba.get_num_threads()
    totals = set()
    try:
        for count in range(1, threads + 1):
            numba.set_num_threads(count)
            totals.add(cpu.sum_of(x, squares))  # float64: no rounding to float32 that could hide a difference
    finally:
        numba.set_num_threads(threads)
    assert len(totals) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@given(size=st.integers(1, 200), data=st.data())
def test_one_value_that_is_not_finite_shows_in_the_result(kind, how, bad, size, data):
    x = np.ones(size)
    x[data.draw(st.integers(0, size - 1))] = bad
    rungs = [{"rung": rung} for rung in RUNGS] if kind == "interpret" else [{}]
    for options in rungs:
        assert not np.isfinite(reduce(how, kind, x, **options))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 99), factor=st.floats(-8, 8, width=16))
def test_the_norm_is_one(kind, seed, factor):
    a, b = np.random.default_rng(seed).standard_normal((2, 30)).astype(np.float32)
    norm = reduce("norm", kind, a)
    assert reduce("norm", kind, np.float32(factor) * a) == pytest.approx(abs(factor) * norm, rel=1e-5)
    assert reduce("norm", kind, a + b) <= (norm + reduce("norm", kind, b)) * (1 + 1e-6)


@pytest.mark.parametrize(("kind", "rung"), [("reference", None), ("cpu", None), *(("interpret", r) for r in RUNGS)])
@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e18, 1e30, 3e36])
def test_a_norm_neither_overflows_nor_vanishes(kind, rung, scale):
    """Values of very different size, of which the squares of the largest or of all are no float32 any more."""
    x = (np.random.default_rng(0).standard_normal(999) * scale).astype(np.float32)
    x[500:] *= np.float32(1e-9)
    options = {} if rung is None else {"rung": rung}
    norm = np.linalg.norm(x.astype(np.float64))
    assert reduce("norm", kind, x, **options) == pytest.approx(norm, rel=1e-6, abs=2e-45)


@pytest.mark.parametrize("rung", RUNGS)
def test_the_norm_of_zeros_beside_small_values_is_that_of_the_values(rung):
    """A whole part of zeros has no largest value to divide by."""
    x = np.zeros(400, np.float32)
    x[:4] = 1e-20
    assert reduce("norm", "interpret", x, rung=rung) == pytest.approx(2e-20, rel=1e-6)
    assert reduce("norm", "interpret", 0 * x, rung=rung) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_slope_of_a_norm_of_zeros_is_zero(kind):
    dx = backward("reduce", kind, {"how": "norm"}, x=np.zeros((3, 4)), dy=np.ones(1))["dx"]
    np.testing.assert_array_equal(dx, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_by_hand(kind):
    x, dy = np.array([[3.0], [4.0]]), np.array([10.0])
    expected = {"sum": [[10], [10]], "mean": [[5], [5]], "norm": [[6], [8]]}
    for how in HOW:
        np.testing.assert_allclose(backward("reduce", kind, {"how": how}, x=x, dy=dy)["dx"], expected[how], rtol=1e-6)


@pytest.mark.parametrize(("kind", "rung"), [("reference", None), ("cpu", None), *(("interpret", r) for r in RUNGS)])
@given(data=st.data())
def test_parts_of_a_mean_add_up_to_the_mean_of_the_whole(kind, rung, data):
    """Of whatever has a share of what it is the mean of, and knows how many values there are in all."""
    x = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    parts = [trial("reduce", {"how": "mean", "count": 40}, x=x[cut], dy=[4.0]) for cut in data.draw(cuts(5))]
    made = [part.forward(kind, rung=rung) for part in parts]
    assert sum(each["y"][0] for each in made) == pytest.approx(x.mean(dtype=np.float64), rel=1e-6)
    for part, each in zip(parts, made, strict=True):
        np.testing.assert_allclose(part.backward(kind, each)["dx"], 0.1, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["sum", "norm"])
def test_only_a_mean_is_divided_by_a_count(how, kind):
    for settings in ({"how": how}, {"how": how, "count": 10}):
        given = {"x": np.full((2, 2), 3.0), "dy": np.ones(1)}
        np.testing.assert_allclose(forward("reduce", kind, settings, **given)["y"], 12 if how == "sum" else 6)
        np.testing.assert_allclose(backward("reduce", kind, settings, **given)["dx"], 1 if how == "sum" else 0.5)


@pytest.mark.parametrize("how", HOW)
def test_every_reduction_compiles_without_float64(how):
    for direction in ("forward", "backward"):
        assert not float64_in("reduce", direction, {"how": how}, x=np.ones(3))


def test_an_unknown_reduction_is_refused_by_name():
    message = "reduce: unknown how 'median'; choose from sum, mean, norm"
    with pytest.raises(ShapeError, match=re.escape(message)):
        forward("reduce", "cpu", {"how": "median"}, x=np.ones(3))


def test_a_count_below_zero_is_refused():
    with pytest.raises(ShapeError, match=r"^reduce: count -1 must be at least 0$"):
        forward("reduce", "cpu", {"how": "mean", "count": -1}, x=np.ones(3))
