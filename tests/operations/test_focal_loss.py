"""Focal loss: cross entropy at gamma 0, a sigmoid in two classes, and digits kept where examples are easy."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers.running import KINDS, backward, float64_in, forward
from tests.helpers.strategies import trials

FOCAL = all_operations()["focal_loss"]
SOFTMAX = trials(FOCAL).filter(lambda trial: trial.shapes["x"] == trial.shapes["target"])
SIGMOID = trials(FOCAL).filter(lambda trial: trial.shapes["x"] != trial.shapes["target"])
HUGE = 3e38


def one_hot(labels, C):
    return np.eye(C)[labels]


@pytest.mark.parametrize("kind", KINDS)
def test_values_by_hand(kind):
    """Background at 3/4 counts once, a face at 1/4 three times, an ignored anchor not at all."""
    x, target = np.log([[3, 1], [3, 1], [3, 1]]), [[1, 0], [0, 1], [0, 0]]
    y = forward("focal_loss", kind, x=x, target=target)["y"]
    np.testing.assert_allclose(y, [-(0.25**2) * np.log(0.75), -3 * 0.75**2 * np.log(0.25), 0], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=SOFTMAX)
def test_without_focus_and_weight_it_is_cross_entropy(kind, trial):
    arrays = {name: trial.arrays[name] for name in ("x", "target", "dy")}
    plain = {"alpha": 1.0, "gamma": 0.0}
    y = forward("focal_loss", kind, plain, **arrays)["y"]
    np.testing.assert_allclose(y, forward("softmax_cross_entropy", kind, **arrays)["y"], rtol=1e-4, atol=1e-6)
    dx = backward("focal_loss", kind, plain, **arrays)["dx"]
    np.testing.assert_allclose(dx, backward("softmax_cross_entropy", kind, **arrays)["dx"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 999), gamma=st.sampled_from([0.0, 0.5, 2.0, 5.0]))
def test_two_classes_with_a_logit_of_zero_are_one_sigmoid(kind, seed, gamma):
    generator = np.random.default_rng(seed)
    z, labels = 3 * generator.standard_normal(9), generator.integers(0, 2, 9)
    p = 1 / (1 + np.exp(-z))
    expected = np.where(labels == 1, -3 * (1 - p) ** gamma * np.log(p), -(p**gamma) * np.log(1 - p))
    x = np.stack([np.zeros(9), z], axis=1)
    y = forward("focal_loss", kind, {"gamma": gamma}, x=x, target=one_hot(labels, 2))["y"]
    np.testing.assert_allclose(y, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_an_easy_example_keeps_its_digits(gamma, kind):
    """Where p rounds to 1 in float32 the loss is still q^(gamma + 1), its delta-error (gamma + 1) q^(gamma + 1)."""
    x, target = np.array([[0.0, 20.0], [20.0, 0.0]]), one_hot([1, 0], 2)
    q = np.exp(-20)
    weight = np.array([3, 1])
    y = forward("focal_loss", kind, {"gamma": gamma}, x=x, target=target)["y"]
    np.testing.assert_allclose(y, weight * q ** (gamma + 1), rtol=1e-5)
    slope = (gamma + 1) * weight * q ** (gamma + 1)
    dx = backward("focal_loss", kind, {"gamma": gamma}, x=x, target=target, dy=np.ones(2))["dx"]
    np.testing.assert_allclose(dx, slope[:, None] * [[1, -1], [-1, 1]], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_focus_takes_weight_from_the_easy_and_leaves_it_to_the_hard(kind):
    x, target = np.array([[0.0, 4.0], [0.0, -4.0]]), one_hot([1, 1], 2)
    plain, focused = (forward("focal_loss", kind, {"gamma": g}, x=x, target=target)["y"] for g in (0.0, 2.0))
    easy, hard = focused / plain
    assert easy < 1e-3
    assert hard > 0.9


@pytest.mark.parametrize("kind", KINDS)
@given(trial=SOFTMAX)
def test_delta_errors_of_a_row_sum_to_zero_and_a_row_without_target_has_none(kind, trial):
    dx = trial.backward(kind, trial.forward(kind))["dx"]
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=1e-4)
    ignored = trial.arrays["target"].sum(axis=1) == 0
    np.testing.assert_array_equal(dx[ignored], 0)
    np.testing.assert_array_equal(trial.forward(kind)["y"][ignored], 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("row", [[HUGE, 0, -HUGE], [-HUGE, -HUGE, -HUGE], [88, -1000, 1000], [0, 0, 1e-38]])
def test_any_finite_logits_give_finite_results(row, gamma, kind):
    x = np.array([row, row, row])
    for target in (one_hot(np.full(3, np.argmax(row)), 3), np.zeros((3, 3))):
        focal = forward("focal_loss", kind, {"gamma": gamma}, x=x, target=target)
        np.testing.assert_allclose(focal["p"].sum(axis=1), 1, rtol=1e-6)
        assert np.isfinite(focal["y"]).all()
    dx = backward("focal_loss", kind, {"gamma": gamma}, x=x, target=np.eye(3), dy=np.ones(3))["dx"]
    assert np.isfinite(dx).all()


@pytest.mark.parametrize("kind", KINDS)
def test_certain_and_wrong_costs_the_distance_of_the_logits(kind):
    """A probability that rounds to 0 has a logarithm all the same, and a delta-error of full size."""
    x, target = np.array([[0.0, -1000.0]]), one_hot([1], 2)
    np.testing.assert_allclose(forward("focal_loss", kind, x=x, target=target)["y"], [3000])
    np.testing.assert_allclose(backward("focal_loss", kind, x=x, target=target, dy=[1])["dx"], [[3, -3]])


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_shows_in_its_row_alone(bad, kind):
    x, target = np.array([[0, bad, 0], [0, bad, 0], [0, 1, 2]]), np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    y = forward("focal_loss", kind, x=x, target=target)["y"]
    np.testing.assert_array_equal(np.isnan(y), [True, True, False])
    dx = backward("focal_loss", kind, x=x, target=target, dy=np.ones(3))["dx"]
    np.testing.assert_array_equal(np.isnan(dx).any(axis=1), [True, True, False])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=SIGMOID)
def test_one_logit_is_bit_for_bit_the_softmax_of_zero_and_that_logit(kind, trial):
    z, target, dy = (trial.arrays[name] for name in ("x", "target", "dy"))
    two = {"x": np.hstack([np.zeros_like(z), z]), "target": target}
    one = trial.forward(kind)
    for name, expected in forward("focal_loss", kind, trial.settings, **two).items():
        np.testing.assert_array_equal(one[name], expected, err_msg=name)
    expected = backward("focal_loss", kind, trial.settings, **two, dy=dy)["dx"]
    np.testing.assert_array_equal(trial.backward(kind, one)["dx"], expected[:, 1:])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=SIGMOID)
def test_one_logit_equals_pytorch_with_a_sigmoid(kind, trial):
    """Binary cross entropy of the face and of the background, each with its focus, its weight and its target."""
    torch = pytest.importorskip("torch")
    alpha, gamma = trial.settings["alpha"], trial.settings["gamma"]
    z = torch.tensor(trial.arrays["x"][:, 0], dtype=torch.float64, requires_grad=True)
    background, face = torch.tensor(trial.arrays["target"], dtype=torch.float64).T
    p, cross_entropy = torch.sigmoid(z), torch.nn.functional.binary_cross_entropy_with_logits
    of_faces = alpha * face * (1 - p) ** gamma * cross_entropy(z, torch.ones_like(z), reduction="none")
    of_background = background * p**gamma * cross_entropy(z, torch.zeros_like(z), reduction="none")
    y = of_faces + of_background
    y.backward(torch.tensor(trial.arrays["dy"], dtype=torch.float64))
    ours = trial.forward(kind)
    np.testing.assert_allclose(ours["y"], y.detach(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours["p"][:, 1], p.detach(), rtol=1e-5)
    np.testing.assert_allclose(trial.backward(kind, ours)["dx"][:, 0], z.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("z", [HUGE, 1000, 20, 1e-38, 0, -20, -1000, -HUGE])
def test_any_finite_logit_gives_finite_results_and_no_target_gives_none(z, gamma, kind):
    settings, x = {"alpha": 1.0, "gamma": gamma}, np.full((3, 1), z)
    target = np.array([[1, 0], [0, 1], [0, 0]])
    focal = forward("focal_loss", kind, settings, x=x, target=target)
    dx = backward("focal_loss", kind, settings, x=x, target=target, dy=np.ones(3))["dx"]
    assert np.isfinite(focal["y"]).all()
    assert np.isfinite(dx).all()
    assert focal["y"][2] == dx[2, 0] == 0
    if abs(z) >= 1000:  # certain: right costs nothing, wrong costs the logit
        wrong, right = (0, 1) if z > 0 else (1, 0)
        np.testing.assert_allclose(focal["y"][[wrong, right]], [abs(z), 0])
        np.testing.assert_allclose(dx[[wrong, right], 0], [np.sign(z), 0])


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_logit_that_is_not_finite_shows_in_its_row_alone(bad, kind):
    x, target = np.array([[bad], [bad], [bad], [1]]), np.array([[1, 0], [0, 1], [0, 0], [0, 1]])
    focal = forward("focal_loss", kind, x=x, target=target)
    np.testing.assert_array_equal(np.isnan(focal["y"]), [True, True, True, False])
    dx = backward("focal_loss", kind, x=x, target=target, dy=np.ones(4))["dx"]
    np.testing.assert_array_equal(np.isnan(dx[:, 0]), [True, True, True, False])


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("logits", [1, 2])
def test_compiles_without_float64(logits, direction):
    assert not float64_in("focal_loss", direction, x=np.ones((2, logits)), target=np.eye(2))


@pytest.mark.parametrize(
    ("x", "target", "settings", "message"),
    [
        ((2, 3), (3, 2), {}, "x (2, 3) and target (3, 2) must have the same shape"),
        ((2, 1), (2, 3), {}, "x (2, 1) and target (2, 3) must have the same shape"),
        ((3, 1), (2, 2), {}, "x (3, 1) and target (2, 2) must have the same shape"),
        ((2, 1), (2, 1), {}, "target (2, 1) must have 2 classes at least, the background first"),
        ((3,), (3,), {}, "x (3,) must have 2 sizes (R, C) of at least 1"),
        ((2, 3), (2, 3), {"gamma": -1.0}, "alpha 3.0 and gamma -1.0 must be at least 0"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(x, target, settings, message):
    with pytest.raises(ShapeError, match=re.escape(f"focal_loss: {message}")):
        forward("focal_loss", "cpu", settings, x=np.ones(x), target=np.ones(target))
