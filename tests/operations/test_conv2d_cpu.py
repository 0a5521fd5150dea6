"""The rungs of conv2d on the CPU that take some convolutions only: neighbouring pixels in the lanes, and Winograd."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from kernels.bench.trial import Trial
from kernels.cpu.cores import one_core
from kernels.cpu.finishing import UNCHANGED, bias
from kernels.cpu.transforms import WIDTH, make_transform
from kernels.cpu.turns import turn_in, turn_out
from kernels.operations.conv2d import operation
from kernels.operations.conv2d.cpu import backward, forward, strips, winograd
from kernels.operations.conv2d.cpu.points import SIZES, data, powers, scales
from tests.helpers.checks import assert_close, assert_same


def fractions(*shape):
    return np.vectorize(Fraction)(np.random.default_rng(0).integers(-9, 10, shape))


def matrix(rows):
    return np.array(rows, dtype=object)


@pytest.mark.parametrize(("n", "k", "m"), SIZES)
def test_winograds_products_are_the_correlation_exactly(n, k, m):
    """In fractions, along one axis: y and dw as winograd.py prints them."""
    d, g, e = fractions(n), fractions(k), fractions(m)
    b, scale = matrix(data(n)), matrix(scales(n))
    v_k, v_m = matrix(powers(n, k)), matrix(powers(n, m))
    y = v_m.T @ ((scale * (v_k @ g)) * (b @ d))
    assert y.tolist() == [sum(d[i + j] * g[j] for j in range(k)) for i in range(m)]
    dw = v_k.T @ (scale * (v_m @ e) * (b @ d))
    assert dw.tolist() == [sum(d[i + j] * e[i] for i in range(m)) for j in range(k)]


MATRICES = [
    pytest.param(rows, id=f"{name}, {n} points, k {k}")
    for n, k, m in SIZES
    for name, rows in (
        ("data", data(n)),
        ("powers of k", powers(n, k)),
        ("powers of m", powers(n, m)),
        ("powers of m turned", matrix(powers(n, m)).T.tolist()),
    )
]


@pytest.mark.parametrize("rows", MATRICES)
def test_a_transform_is_the_product_with_its_matrix(rows):
    rows = np.array(rows, float)
    other = [[1.0]]  # of kind 0, which is not asked for
    plain, added = make_transform(other, rows.tolist()), make_transform(other, rows.tolist(), added=True)

    @njit
    def run(target, both, source, start):
        plain(1, target, 1, 3 * WIDTH, WIDTH, source, 2, 3 * WIDTH, WIDTH, 3, WIDTH, start)
        added(1, both, 1, 3 * WIDTH, WIDTH, source, 2, 3 * WIDTH, WIDTH, 3, WIDTH, start)

    generator = np.random.default_rng(0)
    values, start = generator.standard_normal((rows.shape[1], 3, WIDTH)), generator.standard_normal(WIDTH)
    target, both = np.full((2, 1 + rows.shape[0] * 3 * WIDTH), 9, np.float32)
    run(target, both, np.append([9, 9], values).astype(np.float32), start.astype(np.float32))
    expected = np.einsum("ij,jcl->icl", rows, values)
    size = np.abs(rows).sum(1).max()
    np.testing.assert_allclose(target[1:].reshape(expected.shape), expected, atol=1e-6 * size)
    np.testing.assert_allclose(both[1:].reshape(expected.shape), expected + start, atol=1e-6 * size)
    assert target[0] == both[0] == 9


@pytest.mark.parametrize(("pixels", "channels"), [(16, 16), (40, 99), (5, 16), (16, 3), (7, 9), (1, 1), (16, 0)])
def test_turns_read_and_write_what_there_is_and_no_more(pixels, channels):
    """Of squares of SIDE, full and not."""

    @njit
    def run(lanes, picture, source, pixels, channels):
        turn_in(lanes, 0, 16, source, 0, 20, pixels, channels)
        turn_out(picture, 0, 20, source, 0, 16, pixels, channels)

    source = np.random.default_rng(0).standard_normal(320).astype(np.float32)
    lanes, picture = np.full(256, 9, np.float32), np.full(320, 9, np.float32)
    run(lanes, picture, source, pixels, channels)
    pixels, channels = min(pixels, 16), min(channels, 16)
    expected = np.full((16, 16), 9, np.float32)
    expected[:pixels] = 0
    expected[:pixels, :channels] = source.reshape(16, 20)[:channels, :pixels].T
    np.testing.assert_array_equal(lanes.reshape(16, 16), expected)
    expected = np.full((16, 20), 9, np.float32)
    expected[:channels, :pixels] = source[:256].reshape(16, 16)[:pixels, :channels].T
    np.testing.assert_array_equal(picture.reshape(16, 20), expected)


def trial_of(x, w, padding, seed=0):
    case = {"x": x, "w": w, "b": w[:1], "padding": padding}
    return Trial.of_shape(operation, case, np.random.default_rng(seed))


def chosen(ladder, trial):
    """The algorithm that a trial gets."""
    arrays = {name: trial.shapes[name] for name in ("x", "w", "b", "y")}
    return ladder.choose({**arrays, "dy": trial.shapes["y"], **trial.settings}).name


@st.composite
def winograds(draw):
    """Convolutions of 3 x 3 and 5 x 5, of several tiles and blocks of lanes, of which the last ones are not full."""
    k = draw(st.sampled_from((3, 5)))
    channels, channels_out = draw(st.tuples(*2 * [st.sampled_from((1, 9, 16, 35))]))
    padding, size = draw(st.tuples(*2 * [st.integers(0, k - 1)])), draw(st.tuples(*2 * [st.integers(k, 19)]))
    case = (draw(st.integers(1, 3)), channels, *size), (channels_out, channels, k, k), padding
    return trial_of(*case, seed=draw(st.integers(0, 2**32 - 1)))


@given(trial=winograds())
def test_winograd_equals_the_reference(trial):
    """Whether or not it pays; of more and of fewer tiles than ROWS, and channels than WIDTH."""
    x, w, b, dy = (trial.arrays[name] for name in ("x", "w", "b", "dy"))
    y, dx, dw = (np.full(trial.shapes[name], np.nan, np.float32) for name in ("y", "x", "w"))
    padding = trial.settings["padding"]
    winograd.correlate(y, x, w, bias(b), padding, turned_round=False)
    winograd.correlate(dx, dy, w, UNCHANGED, tuple(w.shape[2] - 1 - p for p in padding), turned_round=True)
    winograd.delta_w(dy, x, dw, padding)
    exact = trial.forward("reference")
    assert_close({"y": y}, exact, operation.tolerance)
    expected = trial.backward("reference", exact)
    assert_close({"dx": dx, "dw": dw}, {name: expected[name] for name in ("dx", "dw")}, operation.tolerance)


@pytest.mark.parametrize(("k", "size"), [(3, 16), (3, 18), (5, 16)])
def test_winograd_rounds_more_than_the_direct_sum_and_by_far_less_than_is_allowed(k, size):
    """On values of a network: a ReLU's, weights of either sign. Its bound is a third of the operation's tolerance."""
    trial = trial_of((16, 32, size, size), (32, 32, k, k), (k // 2, k // 2))
    trial.arrays["x"] = np.maximum(trial.arrays["x"], 0)
    exact = trial.forward("reference")
    expected = exact | trial.backward("reference", exact)
    errors = {}
    for algorithm in ("direct", "winograd"):
        got = trial.forward("cpu", rung=algorithm) | trial.backward("cpu", exact, rung=algorithm)
        errors[algorithm] = {n: np.linalg.norm(got[n] - e) / np.linalg.norm(e) for n, e in expected.items()}
    for name in ("y", "dx", "dw"):
        assert errors["direct"][name] < errors["winograd"][name] < operation.tolerance / 3, (name, errors)


@st.composite
def few_channels(draw):
    """Convolutions whose forward and whose dx have their pixels in the lanes."""
    kernel = draw(st.tuples(*2 * [st.integers(1, 4)]))
    padding = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    channels, channels_out = draw(st.tuples(*2 * [st.sampled_from((1, 2, 3, 5, 8))]))
    size = tuple(k + 7 + draw(st.integers(0, 20)) for k in kernel)
    case = (draw(st.integers(1, 3)), channels, *size), (channels_out, channels, *kernel), padding
    return trial_of(*case, seed=draw(st.integers(0, 2**32 - 1)))


@given(trial=few_channels())
def test_pixels_in_the_lanes_equal_the_reference(trial):
    """Of 1 to HIGH channels and more, and so of LANES1, LANES2, LANES4 and LANES8 pixels at a time, some not full."""
    assert chosen(forward, trial) == chosen(backward, trial) == "pixels"
    assert_close(trial.forward("cpu"), trial.forward("reference"), operation.tolerance)
    exact = trial.forward("reference")
    got, expected = trial.backward("cpu", exact), trial.backward("reference", exact)
    assert_close(got, {"dx": expected["dx"]}, operation.tolerance)  # dw and db are those of the rung below


@st.composite
def many_kernels(draw):
    """Convolutions of few pixels, with strides and paddings, and some of more pixels than strips of one job have."""
    kernel, stride, padding = (draw(st.tuples(*2 * [st.integers(*ends)])) for ends in ((1, 4), (1, 3), (0, 5)))
    size = tuple(k + draw(st.integers(0, 12)) for k in kernel)
    channels, channels_out = draw(st.tuples(st.integers(1, 7), st.sampled_from((1, 9, 16, 35))))
    case = {"x": (draw(st.integers(1, 3)), channels, *size), "w": (channels_out, channels, *kernel)}
    case |= {"b": (channels_out,), "stride": stride, "padding": padding}
    return Trial.of_shape(operation, case, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))


@given(trial=many_kernels(), most=st.sampled_from((strips.MOST, 1, 200)))
def test_strips_equal_the_reference(trial, most):
    """Of all sizes that they can take, however many strips are in a job; MOST strips, or one."""
    x, w, b = (trial.arrays[name] for name in ("x", "w", "b"))
    y = np.full(trial.shapes["y"], np.nan, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strips, "MOST", most)
        strips.correlate(y, x, w, bias(b), trial.settings["stride"], trial.settings["padding"])
    assert_close({"y": y}, trial.forward("reference"), operation.tolerance)


@pytest.mark.parametrize(
    ("x", "w", "settings", "names"),
    [
        ((50, 32, 24, 24), (32, 32, 5, 5), {}, ("winograd", "winograd")),
        ((50, 32, 8, 8), (32, 32, 5, 5), {}, ("direct", "winograd_dx")),
        ((16, 128, 20, 20), (128, 128, 3, 3), {"padding": (1, 1)}, ("winograd", "winograd_dx")),
        ((50, 1, 28, 28), (32, 1, 5, 5), {}, ("direct", "pixels")),
        ((50, 8, 24, 24), (8, 8, 5, 5), {}, ("pixels", "pixels")),
        ((1, 64, 64, 64), (6, 64, 3, 3), {"padding": (1, 1)}, ("pixels", "winograd")),
        ((50, 32, 24, 24), (32, 32, 5, 5), {"stride": (2, 2)}, ("direct", "direct")),
        ((50, 32, 24, 24), (32, 32, 7, 7), {}, ("direct", "direct")),
        ((50, 32, 24, 24), (32, 32, 3, 3), {"padding": (3, 1)}, ("winograd", "direct")),
        ((2, 32, 26, 26), (32, 32, 5, 5), {}, ("direct", "winograd_dx")),
        ((1, 64, 16, 16), (256, 64, 1, 1), {}, ("strips", "direct")),
        ((1, 64, 33, 32), (256, 64, 1, 1), {}, ("direct", "direct")),
        ((50, 120, 3, 3), (84, 120, 3, 3), {}, ("direct", "direct")),
        ((1, 120, 3, 3), (84, 120, 3, 3), {}, ("strips", "direct")),
        ((50, 64, 7, 7), (128, 64, 5, 5), {"stride": (2, 2), "padding": (2, 2)}, ("direct", "direct")),
        ((1, 256, 32, 32), (256, 256, 3, 3), {"padding": (1, 1)}, ("winograd", "winograd_dx")),
    ],
)
def test_the_algorithm_is_chosen_by_shape(x, w, settings, names):
    """On either side of FEW_PIXELS, LEAST_CHANNELS, LEAST_PIXELS and MOST_WEIGHTS."""
    y = operation.shapes(x=x, w=w, **settings)["y"]
    case = {"x": x, "w": w, "b": None, "y": y, "dy": y, "stride": (1, 1), "padding": (0, 0), **settings}
    assert (forward.choose(case).name, backward.choose(case).name) == names


LARGEST = (3, 40, 37, 41), (70, 40, 3, 3), (1, 2)


@pytest.mark.parametrize("case", [LARGEST, ((3, 7, 90, 30), (5, 7, 3, 3), (1, 1))])
def test_neither_the_number_of_cores_nor_what_memory_held_changes_a_bit(case):
    """Of more than TILES tiles, in jobs that several cores share."""
    trial = trial_of(*case)
    exact = trial.forward("reference")
    with one_core():
        expected = trial.forward("cpu") | trial.backward("cpu", exact)
    other = trial_of((2, 12, 30, 30), (16, 12, 5, 5), (0, 0))
    other.arrays["x"][...] = np.nan  # which stays behind in scratch memory
    other.backward("cpu", other.forward("cpu"))
    assert_same(trial.forward("cpu") | trial.backward("cpu", exact), expected)


def test_what_is_not_finite_reaches_all_outputs_that_see_it_and_none_outside_of_its_tiles():
    """A direct sum keeps it to those that see it; as a tile becomes points, an infinity becomes a NaN of all."""
    trial = trial_of((1, 16, 48, 48), (16, 16, 3, 3), (1, 1))
    trial.arrays["x"][0, 3, 20, 20] = np.inf
    direct, got = (trial.forward("cpu", rung=name)["y"] for name in ("direct", "winograd"))
    assert not np.isfinite(got[~np.isfinite(direct)]).any()
    lost = np.argwhere(~np.isfinite(got).all(axis=(0, 1)))
    assert lost.min() >= 20 - 6
    assert lost.max() <= 20 + 6


def test_dw_of_more_jobs_than_groups_adds_them_all():
    trial = trial_of((9, 9, 46, 46), (10, 9, 3, 3), (1, 1))
    assert len(winograd.plan(9, 9, 10, 3, (46, 46), (46, 46), (1, 1)).jobs) - 1 > winograd.GROUPS
    exact = trial.forward("reference")
    assert_close(trial.backward("cpu", exact, rung="winograd"), trial.backward("reference", exact), operation.tolerance)
