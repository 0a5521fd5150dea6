"""Whole networks train on compiled kernels, on the CPU, as they do on the CPU's own."""

import numpy as np
import pytest

from framework import Model, Optimizer
from tests.helpers.checks import assert_same
from tests.helpers.networks import batch_for, plain, residual


def trained(network, device, steps=4):
    model = Model(network, device, seed=2)
    optimizer = Optimizer("sgd", momentum=0.9)
    program = model.training(4, optimizer)
    losses = []
    for step in range(steps):
        optimizer.set_rate(0.05, step)
        losses.append(float(program(**batch_for(program, seed=step))["loss"][0]))
    return losses, model.parameters.weights.download()


@pytest.mark.parametrize("network", [plain, residual])
def test_training_on_compiled_kernels_is_training_on_the_cpu_but_for_rounding(network):
    losses, weights = trained(network, "emulate")
    expected, expected_weights = trained(network, "cpu")
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for name, values in expected_weights.items():
        np.testing.assert_allclose(weights[name], values, rtol=1e-3, atol=1e-4, err_msg=name)


def test_the_same_seed_gives_the_same_bits():
    (losses, weights), (again, weights_again) = trained(residual, "emulate"), trained(residual, "emulate")
    assert losses == again
    assert_same(weights, weights_again)
