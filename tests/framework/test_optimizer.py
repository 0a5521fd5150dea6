"""Optimizers over whole networks: many steps beside PyTorch's own, word for word in NumPy, and their state."""

import numpy as np
import pytest

from framework import Model, Optimizer
from framework.parameters import ParameterError
from tests.helpers.networks import plain

STEPS = 7
SETTINGS = {
    "sgd": {"momentum": 0.9, "decay": 0.05},
    "adam": {"beta1": 0.8, "beta2": 0.95, "decay": 0.05},
}
every_optimizer = pytest.mark.parametrize("name", SETTINGS)


def rate(step):
    return 0.1 / (1 + step)


def gradients(shapes, step):
    generator = np.random.default_rng(step)
    return {name: generator.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def prepared(name):
    """A model, its optimizer and a function that makes a step down a gradient that it is given."""
    model, optimizer = Model(plain, "cpu", seed=1), Optimizer(name, **SETTINGS[name])
    optimizer.attach(model.parameters)
    run = model.device.one_by_one(optimizer.bind(model.device.array([1.0])))

    def step(number):
        model.parameters.gradients.upload(gradients(model.parameters.weights.shapes, number))
        optimizer.set_rate(rate(number), number)
        run()

    return model, optimizer, step


def decays(name):
    """Decay acts on the weights of convolutions and linear layers alone."""
    return name.endswith(".weight") and not name.startswith("batchnorm")


def assert_close(got, expected):
    assert got.keys() == expected.keys()
    for name, array in got.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def by_hand(name, weights):
    """The weights after STEPS steps, and the optimizer's state: Sutskever et al. (2013); Kingma and Ba (2015)."""
    settings = SETTINGS[name]
    weights = {n: w.astype(np.float64) for n, w in weights.items()}
    first, second = ({n: np.zeros(w.shape) for n, w in weights.items()} for _ in range(2))
    for step in range(STEPS):
        for n, g in gradients({n: w.shape for n, w in weights.items()}, step).items():
            decay = settings["decay"] * decays(n)
            if name == "sgd":
                first[n] = settings["momentum"] * first[n] + g + decay * weights[n]
                weights[n] -= rate(step) * first[n]
            else:
                beta1, beta2 = settings["beta1"], settings["beta2"]
                first[n] = beta1 * first[n] + (1 - beta1) * g
                second[n] = beta2 * second[n] + (1 - beta2) * g.astype(np.float64) ** 2
                mean, square = first[n] / (1 - beta1 ** (step + 1)), second[n] / (1 - beta2 ** (step + 1))
                weights[n] -= rate(step) * (mean / (np.sqrt(square) + 1e-8) + decay * weights[n])
    kinds = {"velocity": first} if name == "sgd" else {"m": first, "v": second}
    return weights, {f"{kind}.{n}": array for kind, arrays in kinds.items() for n, array in arrays.items()}


@every_optimizer
def test_many_steps_are_those_of_the_equations(name):
    model, optimizer, step = prepared(name)
    weights, state = by_hand(name, model.parameters.weights.download())
    for number in range(STEPS):
        step(number)
    assert_close(model.parameters.weights.download(), weights)
    assert_close(optimizer.download(), state)


@every_optimizer
def test_many_steps_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    model, _, step = prepared(name)
    settings = SETTINGS[name]
    start = model.parameters.weights.download()
    ours = {n: torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for n, w in start.items()}
    groups = [
        {"params": [p for n, p in ours.items() if decays(n)], "weight_decay": settings["decay"]},
        {"params": [p for n, p in ours.items() if not decays(n)], "weight_decay": 0.0},
    ]
    if name == "sgd":
        theirs = torch.optim.SGD(groups, lr=1.0, momentum=settings["momentum"])
    else:
        theirs = torch.optim.AdamW(groups, lr=1.0, betas=(settings["beta1"], settings["beta2"]))
    for number in range(STEPS):
        step(number)
        for n, g in gradients(model.parameters.weights.shapes, number).items():
            ours[n].grad = torch.tensor(g, dtype=torch.float64)
        for group in theirs.param_groups:
            group["lr"] = rate(number)
        theirs.step()
    assert_close(model.parameters.weights.download(), {n: p.detach().numpy() for n, p in ours.items()})


@every_optimizer
def test_the_state_comes_back_and_goes_on_as_before(name):
    model, optimizer, step = prepared(name)
    for number in range(3):
        step(number)
    weights, state = model.parameters.download(), optimizer.download()
    other, restored, step_of_other = prepared(name)
    other.parameters.upload(weights)
    restored.upload(state)
    for number in range(3, 6):
        step(number)
        step_of_other(number)
    for n, array in other.parameters.weights.download().items():
        np.testing.assert_array_equal(array, model.parameters.weights.download()[n], err_msg=n)


@every_optimizer
def test_a_state_that_lacks_an_array_is_refused_by_its_name(name):
    _, optimizer, _ = prepared(name)
    state = optimizer.download()
    del state[next(n for n in state if n.endswith("linear_1.bias"))]
    with pytest.raises(ParameterError, match=r"^linear_1\.bias: is missing"):
        optimizer.upload(state)
