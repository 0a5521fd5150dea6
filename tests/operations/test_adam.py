"""Adam: the path of PyTorch's, its first step, and no step where the gradient is not finite."""

import re

import numpy as np
import pytest

from kernels.operation import ShapeError, all_operations
from tests.helpers.running import KINDS, forward, random

N = 24  # whole fours, as the highest rung takes them
ADAM = all_operations()["adam"]


def rate(step, learning_rate=0.1):
    """Of a step counted from 1, as Kingma and Ba (2015) count them."""
    return ADAM.rates(learning_rate, step - 1, **ADAM.settings)


def test_averages_are_corrected_for_how_far_they_have_filled():
    """Algorithm 1: by 1 - beta^t. An average of ones that starts at 0 is that far from 1 after t steps."""
    settings = {**ADAM.settings, "beta1": 0.5, "beta2": 0.75}
    first = second = 0.0
    for step in range(5):
        first, second = 0.5 * first + 0.5, 0.75 * second + 0.25
        np.testing.assert_allclose(ADAM.rates(0.1, step, **settings), [0.1, first, second])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_takes_the_same_path_as_pytorch(decay, kind):
    torch = pytest.importorskip("torch")
    state = {"w": random(N), "m": np.zeros(N), "v": np.zeros(N)}
    weights = torch.tensor(random(N), requires_grad=True)
    optimizer = torch.optim.AdamW([weights], lr=0.1, weight_decay=decay)
    for step in range(1, 7):
        dw = random(N, seed=step)
        state = forward("adam", kind, {"decay": decay}, dw=dw, rate=rate(step), norm=[1], **state)
        weights.grad = torch.tensor(dw)
        optimizer.step()
        np.testing.assert_allclose(state["w"], weights.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_the_first_step_has_the_length_of_the_rate_whatever_the_gradient(size, kind):
    dw = size * np.where(random(N, seed=1) < 0, -1, 1)
    state = forward("adam", kind, dw=dw, rate=rate(1), norm=[1], w=np.zeros(N), m=np.zeros(N), v=np.zeros(N))
    np.testing.assert_allclose(state["w"], -0.1 * np.sign(dw), rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_without_gradient_stays(kind):
    state = forward("adam", kind, dw=np.zeros(N), rate=rate(1), norm=[0], w=random(N), m=np.zeros(N), v=np.zeros(N))
    np.testing.assert_array_equal(state["w"], random(N))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", [np.nan, np.inf])
def test_nothing_changes_where_the_norm_is_not_finite(norm, kind):
    before = {"w": random(N), "m": random(N, seed=1), "v": random(N, seed=2) ** 2}
    dw = random(N, seed=3)
    dw[3] = norm
    after = forward("adam", kind, dw=dw, rate=rate(1), norm=[norm], **before)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


@pytest.mark.parametrize(
    ("dw", "rate_shape", "norm", "message"),
    [
        ((2, 3), (3,), (1,), "dw (2, 3) must have 1 size (n) of at least 1"),
        ((4,), (1,), (1,), "rate (1,) must be (3,)"),
        ((4,), (3,), (4,), "norm (4,) must be (1,)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(dw, rate_shape, norm, message):
    with pytest.raises(ShapeError, match=re.escape(f"adam: {message}")):
        forward("adam", "cpu", dw=np.ones(dw), rate=np.ones(rate_shape), norm=np.ones(norm))
