"""Resizing: by hand, what a weighted mean must keep, who lies under a filter, and against Pillow."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kernels.cpu.cores import one_core
from kernels.operation import ShapeError, all_operations
from kernels.operations.resize import reference
from kernels.operations.resize.functions import first_under, past_under
from tests.helpers.running import KINDS, float64_in, forward, trial
from tests.helpers.strategies import trials

RESIZE = all_operations()["resize"]
PICTURES = [
    ((48, 64), (32, 32)),
    ((37, 23), (11, 40)),
    ((9, 9), (20, 31)),
    ((100, 7), (3, 7)),
    ((30, 40), (1, 1)),
    ((2, 1), (3, 1)),
]


def resized(kind, x, size):
    """A single plane in another size."""
    return forward("resize", kind, {"size": size}, x=np.asarray(x, np.float32)[None, None])["y"][0, 0]


def picture(size, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_by_half_each_value_weighs_by_its_distance(kind):
    np.testing.assert_allclose(resized(kind, [[7, 0, 0, 0]], (1, 2)), [[3, 0]], rtol=1e-6)
    np.testing.assert_allclose(resized(kind, [[0], [7], [0], [0]], (2, 1)), [[3], [1]], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_by_two_the_nearer_value_has_three_quarters(kind):
    np.testing.assert_allclose(resized(kind, [[0, 4]], (1, 4)), [[0, 1, 3, 4]], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_size_changes_nothing(kind):
    x = picture((5, 3))
    np.testing.assert_array_equal(resized(kind, x, (5, 3)), x)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(RESIZE))
def test_a_constant_stays_and_nothing_leaves_the_range_of_the_values(kind, trial):
    x = trial.arrays["x"]
    constant = forward("resize", kind, trial.settings, x=np.full_like(x, 7))["y"]
    np.testing.assert_allclose(constant, 7, rtol=1e-6)
    y = trial.forward(kind)["y"]
    assert y.min() >= x.min() - 1e-5
    assert y.max() <= x.max() + 1e-5


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(RESIZE))
def test_is_linear(kind, trial):
    x = trial.arrays["x"]
    other = picture(x.shape, seed=1)
    y, of_other, of_sum = (forward("resize", kind, trial.settings, x=a)["y"] for a in (x, other, 2 * x - other))
    np.testing.assert_allclose(of_sum, 2 * y - of_other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(height=st.integers(1, 9), width=st.integers(1, 9), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_a_mirrored_picture_gives_the_mirrored_result_and_a_turned_one_the_turned(kind, height, width, size):
    x = picture((height, width))
    y = resized(kind, x, size)
    np.testing.assert_allclose(resized(kind, x[::-1, ::-1], size), y[::-1, ::-1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(resized(kind, x.T, size[::-1]), y.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(height=st.integers(1, 9), rows=st.integers(1, 9))
def test_no_value_is_skipped_however_far_a_picture_shrinks(kind, height, rows):
    for h in range(height):
        x = np.zeros((height, 1))
        x[h] = 1
        assert (resized(kind, x, (rows, 1)) > 0).any()


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(RESIZE))
def test_a_picture_that_grows_is_upsampled(kind, trial):
    """Then two rows lie under the filter, whose weights have sum 1: bilinear upsampling."""
    x = trial.arrays["x"]
    size = tuple(s + more for s, more in zip(x.shape[2:], trial.settings["size"], strict=True))
    upsampled = forward("upsample2d", kind, {"size": size, "mode": "bilinear"}, x=x)["y"]
    np.testing.assert_allclose(forward("resize", kind, {"size": size}, x=x)["y"], upsampled, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_value_that_is_not_finite_shows_where_it_lies_under_the_filter_alone(bad, kind):
    x = np.zeros((8, 8))
    x[0, 0] = bad
    finite = np.isfinite(resized(kind, x, (4, 4)))
    assert not finite[0, 0]
    assert finite.sum() == 15


def test_the_rows_under_a_filter_are_those_that_have_a_share():
    for H in range(1, 14):
        for H_out in range(1, 14):
            for h_out, share in enumerate(reference.shares(H, H_out)):
                under = np.arange(first_under(h_out, H, H_out), past_under(h_out, H, H_out))
                np.testing.assert_array_equal(under, np.flatnonzero(share), err_msg=f"row {h_out} of {H} -> {H_out}")


def test_any_number_of_cores_gives_the_same_bits():
    x = picture((40, 30))
    y = resized("cpu", x, (17, 50))
    with one_core():
        np.testing.assert_array_equal(resized("cpu", x, (17, 50)), y)


@pytest.mark.parametrize("kind", ["cpu", "interpret"])
@pytest.mark.parametrize(("size", "size_out"), PICTURES)
def test_equals_pillow(size, size_out, kind):
    """Pictures of mode F are not rounded, so this is the filter and nothing else."""
    x = picture(size)
    pillow = np.asarray(Image.fromarray(x).resize(size_out[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(resized(kind, x, size_out), pillow, rtol=1e-5, atol=1e-6)


def test_what_has_no_place_in_shared_memory_goes_in_two_passes():
    wide = trial("resize", {"size": (1, 1)}, x=np.zeros((1, 1, 1, 2000)))
    assert [launch.kernel.name for launch in wide.launches("forward", 3)] == ["resize_middle"] * 2
    (launch,) = trial("resize", {"size": (1, 1)}, x=np.zeros((1, 1, 1, 1000))).launches("forward", 3)
    assert launch.kernel.name == "forward_tiled"


def test_compiles_without_float64():
    assert not float64_in("resize", "forward", {"size": (2, 5)}, x=np.ones((1, 2, 3, 4)))


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((3, 28), (2, 2), "x (3, 28) must have 4 sizes (R, C, H, W) of at least 1"),
        ((1, 1, 0, 2), (2, 2), "x (1, 1, 0, 2) must have 4 sizes (R, C, H, W) of at least 1"),
        ((1, 1, 2, 2), (0, 4), "size (0, 4) must be two sizes (rows, columns) of at least 1"),
        ((1, 1, 2, 2), (4,), "size (4,) must be two sizes (rows, columns) of at least 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shape, size, message):
    with pytest.raises(ShapeError, match=re.escape(f"resize: {message}")):
        forward("resize", "cpu", {"size": size}, x=np.ones(shape))
