"""Batch normalization: what must hold of it besides what test_operations.py asks of every operation."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.bench.trial import Trial
from kernels.operation import ShapeError
from kernels.operations.batchnorm import cpu, operation, reference
from kernels.operations.batchnorm.cpu.pieces import PIECE
from tests.helpers.checks import assert_close
from tests.helpers.running import KINDS, trial

every_kind = pytest.mark.parametrize("kind", KINDS)
RUNGS = [
    ("reference", None),
    *(("cpu", rung) for rung in (1, 2, 3, 4, None)),
    *(("interpret", rung) for rung in (1, 2, 3)),
]
every_rung = pytest.mark.parametrize(("kind", "rung"), RUNGS)

IN_USE = {"training": False}
SHAPES = [(12, 3), (4, 2, 3, 5), (3, 1, 4, 4), (1, 2, 3, 7)]


@st.composite
def batches(draw):
    """x (R, C, H, W) or (R, C), gamma and beta (C,), dy as x, the running averages (C,)."""
    shape = draw(st.sampled_from(SHAPES))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return batch(shape, generator)


def batch(shape, generator, mean=0.0, std=1.0):
    channels = shape[1:2]
    arrays = {
        "x": mean + std * generator.standard_normal(shape),
        "dy": generator.standard_normal(shape),
        "gamma": generator.uniform(0.5, 2, channels),
        "beta": generator.standard_normal(channels),
        "running_mean": generator.standard_normal(channels),
        "running_var": generator.uniform(0.5, 2, channels),
    }
    return {name: values.astype(np.float32) for name, values in arrays.items()}


def run(kind, arrays, rung=None, **settings):
    """All that forward and backward of `kind` give, by name."""
    case = trial("batchnorm", settings, **arrays)
    forward = case.forward(kind, rung=rung)
    return forward | case.backward(kind, forward, rung=rung)


def moments(x):
    """Mean and biased variance of each channel, in float64."""
    axes = reference.all_but_channels(x)
    return x.mean(axis=axes, dtype=np.float64), x.var(axis=axes, dtype=np.float64)


@every_rung
@given(arrays=batches())
def test_y_has_mean_beta_and_variance_gamma_squared(kind, rung, arrays):
    mean, var = moments(run(kind, arrays, rung, epsilon=1e-9)["y"])
    np.testing.assert_allclose(mean, arrays["beta"], atol=1e-5)
    np.testing.assert_allclose(var, np.square(arrays["gamma"], dtype=np.float64), rtol=1e-4)


@every_kind
@given(arrays=batches(), scale=st.floats(0.25, 4), shift=st.floats(-3, 3))
def test_scaling_and_shifting_a_channel_of_x_changes_nothing(kind, arrays, scale, shift):
    y = run(kind, arrays, epsilon=1e-9)["y"]
    y_moved = run(kind, {**arrays, "x": scale * arrays["x"] + shift}, epsilon=1e-9)["y"]
    np.testing.assert_allclose(y_moved, y, atol=1e-4)


@every_kind
@given(arrays=batches())
def test_dx_has_no_part_along_a_shift_or_a_scaling_of_a_channel(kind, arrays):
    """y changes with neither, so dx sums to zero over a channel, and so does dx x_hat."""
    got = run(kind, arrays, epsilon=1e-9)
    x = arrays["x"]
    axes = reference.all_but_channels(x)
    x_hat = (x - reference.per_channel(got["mean"].sum(axis=0), x)) * reference.per_channel(got["inverse_std"], x)
    np.testing.assert_allclose(got["dx"].sum(axis=axes), 0, atol=1e-4)
    np.testing.assert_allclose((got["dx"] * x_hat).sum(axis=axes), 0, atol=1e-4)


@every_rung
@given(arrays=batches(), momentum=st.sampled_from((0.0, 0.1, 0.75, 1.0)))
def test_running_averages_follow_equations_41_and_42_with_the_biased_variance(kind, rung, arrays, momentum):
    got = run(kind, arrays, rung, momentum=momentum)
    for name, value in zip(("running_mean", "running_var"), moments(arrays["x"]), strict=True):
        expected = momentum * value + (1 - momentum) * arrays[name]
        np.testing.assert_allclose(got[name], expected, rtol=1e-5, atol=1e-6)


@every_rung
@given(arrays=batches())
def test_in_use_the_running_averages_normalize_and_stay(kind, rung, arrays):
    got = run(kind, arrays, rung, **IN_USE)
    x, gamma, beta = arrays["x"], arrays["gamma"], arrays["beta"]
    inverse_std = 1 / np.sqrt(arrays["running_var"] + 1e-5)
    for name in ("running_mean", "running_var"):
        np.testing.assert_array_equal(got[name], arrays[name])
    np.testing.assert_array_equal(got["mean"], [arrays["running_mean"], [0] * len(gamma)])
    np.testing.assert_allclose(got["inverse_std"], inverse_std, rtol=1e-6)
    scale = reference.per_channel(gamma * inverse_std, x)
    expected = (x - reference.per_channel(arrays["running_mean"], x)) * scale + reference.per_channel(beta, x)
    np.testing.assert_allclose(got["y"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got["dx"], scale * arrays["dy"], rtol=1e-5)


@every_rung
@pytest.mark.parametrize("shape", [(40, 2), (6, 2, 5, 9)])
def test_a_mean_far_from_zero_costs_no_digits_of_the_variance(kind, rung, shape):
    arrays = batch(shape, np.random.default_rng(0), mean=1e4)
    mean, var = moments(arrays["x"])
    got = run(kind, arrays, rung)
    np.testing.assert_allclose(got["mean"].sum(axis=0, dtype=np.float64), mean, rtol=1e-7)
    np.testing.assert_allclose(got["inverse_std"], 1 / np.sqrt(var + 1e-5), rtol=1e-5)


@every_rung
@pytest.mark.parametrize("shape", [(60, 2), (6, 2, 5, 9), (2, 1, 40, 80)])
@pytest.mark.parametrize(("mean", "std"), [(1e4, 0.01), (-3e3, 0.001), (1.0, 1e-3)])
def test_nothing_is_lost_where_neighbouring_float32_are_as_far_apart_as_the_values(kind, rung, shape, mean, std):
    """Of a mean of 10 000 a float32 leaves up to 0.0005, a twentieth of a deviation of 0.01."""
    arrays = batch(shape, np.random.default_rng(0), mean, std)
    case = trial("batchnorm", {"epsilon": 0.1 * std**2}, **arrays)
    exact = case.forward("reference")
    got = case.forward(kind, rung=rung)
    np.testing.assert_allclose(got["mean"].sum(axis=0, dtype=np.float64), exact["mean"][0], rtol=0, atol=1e-6 * std)
    np.testing.assert_allclose(got["inverse_std"], exact["inverse_std"], rtol=1e-6)
    assert_close({"y": got["y"]}, {"y": exact["y"]}, 1e-6)
    assert_close(case.backward(kind, got, rung=rung), case.backward("reference", exact), operation.tolerance)


@every_rung
def test_an_outlier_in_first_place_costs_no_digits_of_the_variance(kind, rung):
    arrays = batch((6, 1, 5, 9), np.random.default_rng(0))
    arrays["x"][0, 0, 0, 0] = 1e5
    mean, var = moments(arrays["x"])
    got = run(kind, arrays, rung)
    np.testing.assert_allclose(got["mean"].sum(axis=0, dtype=np.float64), mean, atol=1e-5 * np.sqrt(var.max()))
    np.testing.assert_allclose(got["inverse_std"], 1 / np.sqrt(var + 1e-5), rtol=1e-5)


@every_rung
@pytest.mark.parametrize("shape", [(5, 2), (2, 2, 3, 3), (1, 2, 1, 1)])
def test_a_constant_channel_becomes_beta_and_learns_nothing(kind, rung, shape):
    arrays = batch(shape, np.random.default_rng(0))
    arrays["x"][:] = 0.1
    got = run(kind, arrays, rung)
    np.testing.assert_array_equal(got["y"], np.broadcast_to(reference.per_channel(arrays["beta"], arrays["x"]), shape))
    np.testing.assert_array_equal(got["dgamma"], 0)
    np.testing.assert_allclose(got["inverse_std"], 1e-5**-0.5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:invalid value")
@every_rung
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 2, 3)])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_nan_or_inf_takes_its_channel_and_no_other(kind, rung, shape, poison):
    arrays = batch(shape, np.random.default_rng(0))
    clean = run(kind, arrays, rung)
    arrays["x"][1, 1] = poison
    got = run(kind, arrays, rung)
    assert np.isnan(got["y"][:, 1]).all()
    assert np.isnan(got["dx"][:, 1]).all()
    assert not np.isfinite(got["running_mean"][1])
    for name in ("y", "dx"):
        np.testing.assert_array_equal(got[name][:, [0, 2]], clean[name][:, [0, 2]])


@every_kind
@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 1, 4)])
def test_pytorch_averages_the_unbiased_variance_which_is_larger_by_n_over_n_minus_1(kind, shape):
    torch = pytest.importorskip("torch")
    arrays = batch(shape, np.random.default_rng(0))
    n = arrays["x"].size // shape[1]
    x, expected = torch.tensor(arrays["x"]), torch.tensor(arrays["running_var"])
    torch.nn.functional.batch_norm(x, torch.zeros(shape[1]), expected, training=True, momentum=1.0)
    np.testing.assert_allclose(run(kind, arrays, momentum=1.0)["running_var"] * n / (n - 1), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 2, 40, 60), (2, 1, 70, 70), (30, 150)])
def test_large_inputs_are_cut_into_pieces_and_put_together_again(shape):
    """Larger than a piece or a block of the CPU's loops, and of a size that neither divides."""
    arrays = batch(shape, np.random.default_rng(0), mean=5.0)
    assert shape[2:] == () or shape[2] * shape[3] % PIECE
    got, expected = run("cpu", arrays), run("reference", arrays)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


def test_the_cpu_result_does_not_depend_on_the_number_of_threads():
    numba = pytest.importorskip("numba")
    arrays = batch((7, 3, 9, 11), np.random.default_rng(0))
    threads = numba.get_num_threads()
    several = run("cpu", arrays)
    try:
        numba.set_num_threads(1)
        one = run("cpu", arrays)
    finally:
        numba.set_num_threads(threads)
    for name, value in one.items():
        np.testing.assert_array_equal(several[name], value, err_msg=name)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(5, 2), (2, 2, 3, 3)])
def test_a_gradient_that_nobody_wants_may_be_none(shape, training):
    case = trial("batchnorm", {"training": training}, **batch(shape, np.random.default_rng(0)))
    arrays = case.arrays | case.forward("cpu")
    arguments = {name: arrays[name] for name in ("dy", "x", "gamma", "mean", "inverse_std")}
    expected = case.backward("cpu", arrays)

    def interpret(**arguments):
        for rung in (1, 2, 3):
            for launch in operation.implementation("cuda").backward(**arguments, rung=rung, tiny=True):
                launch.interpret()

    for backward in (cpu.backward, interpret):
        for unwanted in expected:
            got = {name: None if name == unwanted else np.full_like(value, np.nan) for name, value in expected.items()}
            backward(**arguments, **got, training=training)
            for name in expected.keys() - {unwanted}:
                np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_every_rung_stays_in_float32(training):
    shapes = {"x": (5, 3, 70, 70), "gamma": (3,), "beta": (3,)}
    case = Trial.of_shape(operation, {**shapes, "training": training}, np.random.default_rng(0))
    for direction in ("forward", "backward"):
        for rung in (1, 2, 3):
            for launch in case.launches(direction, rung):
                assert ".f64" not in launch.ptx("sm_90"), launch.kernel


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": (4, 3, 5)}, "batchnorm: x (4, 3, 5) must have 4 sizes (R, C, H, W) of at least 1"),
        ({"x": (4, 0), "gamma": (0,)}, "batchnorm: x (4, 0) must have 2 sizes (R, C) of at least 1"),
        ({"gamma": (4,)}, "batchnorm: gamma (4,) must be (3,)"),
        ({"beta": (3, 1)}, "batchnorm: beta (3, 1) must be (3,)"),
        ({"epsilon": 0.0}, "batchnorm: epsilon 0.0 must be above 0"),
        ({"momentum": 1.5}, "batchnorm: momentum 1.5 must be from 0 to 1"),
        ({"training": "yes"}, "batchnorm: training 'yes' must be True or False"),
    ],
)
def test_shapes_and_settings_that_do_not_fit_are_refused(changed, message):
    given = {"x": (4, 3), "gamma": (3,), "beta": (3,), **operation.settings, **changed}
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        operation.shapes(**given)
