"""Stochastic gradient descent: the path of PyTorch's, and no step where the gradient is not finite."""

import re

import numpy as np
import pytest

from kernels.operation import ShapeError
from tests.helpers.running import KINDS, forward, random

N = 24  # whole fours, as the highest rung takes them


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.9, 0.0), (0.9, 0.01)])
def test_takes_the_same_path_as_pytorch(momentum, decay, kind):
    torch = pytest.importorskip("torch")
    state = {"w": random(N), "velocity": np.zeros(N)}
    weights = torch.tensor(random(N), requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.1, momentum=momentum, weight_decay=decay)
    for step in range(1, 7):
        dw = random(N, seed=step)
        state = forward("sgd", kind, {"momentum": momentum, "decay": decay}, dw=dw, rate=[0.1], norm=[1], **state)
        weights.grad = torch.tensor(dw)
        optimizer.step()
        np.testing.assert_allclose(state["w"], weights.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_without_momentum_and_decay_it_is_the_plain_step(kind):
    """Zozoulenko (2018), eq. 12."""
    w, dw = random(N), random(N, seed=1)
    arrays = {"dw": dw, "rate": [0.5], "norm": [1], "w": w, "velocity": np.zeros(N)}
    np.testing.assert_allclose(forward("sgd", kind, {"momentum": 0.0}, **arrays)["w"], w - 0.5 * dw, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", [np.nan, np.inf])
def test_nothing_changes_where_the_norm_is_not_finite(norm, kind):
    w, velocity, dw = random(N), random(N, seed=1), random(N, seed=2)
    dw[3] = norm
    state = forward("sgd", kind, dw=dw, rate=[0.1], norm=[norm], w=w, velocity=velocity)
    np.testing.assert_array_equal(state["w"], w)
    np.testing.assert_array_equal(state["velocity"], velocity)


@pytest.mark.parametrize(
    ("dw", "rate", "norm", "message"),
    [
        ((2, 3), (1,), (1,), "dw (2, 3) must have 1 size (n) of at least 1"),
        ((4,), (3,), (1,), "rate (3,) must be (1,)"),
        ((4,), (1,), (4,), "norm (4,) must be (1,)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(dw, rate, norm, message):
    with pytest.raises(ShapeError, match=re.escape(f"sgd: {message}")):
        forward("sgd", "cpu", dw=np.ones(dw), rate=np.ones(rate), norm=np.ones(norm))
