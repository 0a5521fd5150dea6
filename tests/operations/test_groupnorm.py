"""Group normalization: what it leaves of a group, what it does not see, and the other normalizations that it can be."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from kernels.operations.groupnorm.cpu import PIECE
from tests.helpers.checks import assert_close
from tests.helpers.running import KINDS, backward, forward, random, trial
from tests.helpers.strategies import trials

GROUPNORM = all_operations()["groupnorm"]
GROUPS = {"groups": 3}


def picture(R=2, C=6, H=4, W=5, seed=0):
    return random(R, C, H, W, seed=seed)


def ones_and_zeros(C):
    return {"gamma": np.ones(C), "beta": np.zeros(C)}


def run(kind, x, groups=3, epsilon=1e-5, **arrays):
    arrays = ones_and_zeros(x.shape[1]) | arrays
    return forward("groupnorm", kind, {"groups": groups, "epsilon": epsilon}, x=x, **arrays)["y"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_group_of_every_picture_has_mean_0_and_variance_1(kind):
    y = run(kind, 3 + 7 * picture(), groups=3).reshape(2, 3, -1)
    np.testing.assert_allclose(y.mean(axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(y.var(axis=2), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_is_channels_that_follow_each_other(kind):
    """Eq. 7. Two channels of 0 and two of 1: normalized in pairs nothing is left, all together they are -1 and 1."""
    x = np.repeat([0.0, 0, 1, 1], 4).reshape(1, 4, 2, 2)
    np.testing.assert_allclose(run(kind, x, groups=2), 0, atol=1e-6)
    np.testing.assert_allclose(run(kind, x, groups=1), 2 * x - 1, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_channel_is_scaled_and_shifted_by_its_own(kind):
    gamma, beta = np.arange(6.0) - 2, np.arange(6.0) / 2
    plain = run(kind, picture())
    expected = gamma[:, None, None] * plain + beta[:, None, None]
    np.testing.assert_allclose(run(kind, picture(), gamma=gamma, beta=beta), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_neither_a_shift_nor_a_scale_of_a_group_changes_what_comes_out(kind):
    x = picture()
    other = x.copy().reshape(2, 3, -1)
    other[0, 1] = 5 * other[0, 1] + 8
    np.testing.assert_allclose(run(kind, other.reshape(x.shape)), run(kind, x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(GROUPNORM))
def test_pictures_do_not_see_each_other(kind, trial):
    """So devices that share a batch have nothing to tell each other of it: framework/sharing.py leaves it uncut."""
    whole = trial.forward(kind)
    for r, x in enumerate(trial.arrays["x"]):
        arrays = trial.arrays | {"x": x[None], "dy": trial.arrays["dy"][r][None]}
        alone = type(trial).of_arrays(GROUPNORM, trial.settings, **arrays).forward(kind)
        np.testing.assert_array_equal(alone["y"][0], whole["y"][r])


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_group_a_channel_and_one_picture_it_is_batch_normalization(kind):
    x, gamma, beta, dy = picture(R=1), random(6, seed=1), random(6, seed=2), picture(R=1, seed=3)
    given = {"x": x, "gamma": gamma, "beta": beta}
    state = {"running_mean": np.zeros(6), "running_var": np.ones(6)}
    batch = forward("batchnorm", "reference", {}, **given, **state)
    assert_close({"y": run(kind, x, groups=6, gamma=gamma, beta=beta)}, {"y": batch["y"]}, 1e-5)
    expected = backward("batchnorm", "reference", {}, **given, **state, dy=dy)
    assert_close(backward("groupnorm", kind, {"groups": 6}, **given, dy=dy), expected, 1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_would_only_shift_or_stretch_a_group_is_taken_out_of_dx(kind):
    """With gamma 1, dx is at right angles to a constant and to x_hat, group by group."""
    x, dy = picture(), picture(seed=4)
    dx = backward("groupnorm", kind, GROUPS, x=x, dy=dy, **ones_and_zeros(6))["dx"].reshape(2, 3, -1)
    x_hat = run(kind, x).reshape(2, 3, -1)
    np.testing.assert_allclose(dx.sum(axis=2), 0, atol=2e-5)
    np.testing.assert_allclose((dx * x_hat).sum(axis=2), 0, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_whose_gamma_is_0_still_moves_the_others_of_its_group(kind):
    """d is 0 there and dx is not: a value of that channel is part of the mean and the variance of its group."""
    gamma = np.array([0.0, 1])
    x, dy = picture(R=1, C=2), picture(R=1, C=2, seed=4)
    given = {"x": x, "gamma": gamma, "beta": np.zeros(2), "dy": dy}
    dx = backward("groupnorm", kind, {"groups": 1}, **given)["dx"]
    assert abs(dx[0, 0]).min() > 1e-6
    assert_close({"dx": dx}, {"dx": backward("groupnorm", "reference", {"groups": 1}, **given)["dx"]}, 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_group_becomes_beta(kind):
    x = np.full((1, 2, 2, 2), 7.0)
    np.testing.assert_allclose(run(kind, x, groups=1, beta=np.array([3.0, -1]))[0, :, 0, 0], [3, -1], rtol=1e-6)


def test_groups_and_planes_of_several_pieces_on_cpu_cores():
    case = trial("groupnorm", {"groups": 2}, **{"x": 3 + picture(2, 4, 70, 70), "dy": picture(2, 4, 70, 70, seed=1)},
                 gamma=random(4, seed=2), beta=random(4, seed=3))  # fmt: skip
    assert case.arrays["x"][0, 0].size > PIECE
    expected = case.forward("reference")
    assert_close(case.forward("cpu"), expected, GROUPNORM.tolerance)
    deltas = case.backward("cpu", case.forward("cpu"))
    assert_close(deltas, case.backward("reference", expected), GROUPNORM.tolerance)


@given(seed=st.integers(0, 99))
def test_the_same_bits_on_one_core_and_on_all(seed):
    import numba

    case = trial("groupnorm", GROUPS, x=picture(seed=seed), gamma=random(6, seed=1), beta=random(6, seed=2))
    case.arrays["dy"] = picture(seed=seed + 1)
    every = case.forward("cpu")
    deltas = case.backward("cpu", every)
    cores = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        for got, expected in ((case.forward("cpu"), every), (case.backward("cpu", every), deltas)):
            for name, value in expected.items():
                np.testing.assert_array_equal(got[name], value)
    finally:
        numba.set_num_threads(cores)


@pytest.mark.parametrize("rung", [1, 2, 3])
@pytest.mark.parametrize("wanted", [("dx",), ("dgamma",), ("dbeta",), ("dgamma", "dbeta")])
def test_what_nobody_wants_is_not_computed(wanted, rung):
    """The sums of planes always are: everything else takes them."""
    case = trial("groupnorm", GROUPS, x=picture(), dy=picture(seed=1), **ones_and_zeros(6))
    launches = case.launches("backward", rung)
    exact = case.forward("reference")
    expected = case.backward("reference", exact)
    arguments = {name: None for name in expected} | {name: np.empty_like(expected[name], np.float32) for name in wanted}
    given = {**case.arrays, **{name: exact[name].astype(np.float32) for name in ("mean", "inverse_std")}, **arguments}
    made = GROUPNORM.implementation("cuda").backward(rung=rung, tiny=True, **given, **GROUPS)
    for launch in made:
        launch.interpret()
    assert_close({n: arguments[n] for n in wanted}, {n: expected[n] for n in wanted}, 1e-5)
    assert len(made) < len(launches) or (rung == 3 and "dx" not in wanted)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"x": (2, 8)}, "x (2, 8) must have 4 sizes (R, C, H, W) of at least 1"),
        ({"gamma": (4,)}, "gamma (4,) must be (8,)"),
        ({"groups": 3}, "groups 3 must divide the 8 channels of x (2, 8, 5, 5)"),
        ({"groups": 0}, "groups 0 must divide the 8 channels of x (2, 8, 5, 5)"),
        ({"epsilon": 0.0}, "epsilon 0.0 must be above 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(case, message):
    fitting = {"x": (2, 8, 5, 5), "gamma": (8,), "beta": (8,), "groups": 4, "epsilon": 1e-5}
    with pytest.raises(ShapeError, match=re.escape(f"groupnorm: {message}")):
        GROUPNORM.shapes(**{**fitting, **case})
