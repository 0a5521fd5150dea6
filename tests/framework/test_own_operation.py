"""An operation that somebody writes in Python, without a folder, in a network like any other."""

import numpy as np
import pytest

from framework import Graph, Model, Optimizer, layers
from kernels.gpu import Ladder, cuda, float32, kernel, rung
from kernels.modules import OperationError
from kernels.operation import Operation

BLOCK = 32


@kernel
def square_kernel(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] * x[i]


@kernel
def square_back_kernel(dy, x, dx):
    i = cuda.grid(1)
    if i < x.size:
        dx[i] = dy[i] * float32(2) * x[i]


@rung
def forward_1(x, y):
    return [square_kernel[x.size // BLOCK + 1, BLOCK](x.reshape(-1), y.reshape(-1))]


@rung
def backward_1(dy, x, dx):
    return [square_back_kernel[x.size // BLOCK + 1, BLOCK](dy.reshape(-1), x.reshape(-1), dx.reshape(-1))]


class Square:
    forward, backward = Ladder("forward", forward_1), Ladder("backward", backward_1)


square = Operation(
    name="square",
    inputs=("x",),
    outputs=("y",),
    gradients=("x",),
    needs=("x",),
    shapes=lambda x: {"y": x},
    modules={"cuda": Square},
)


def network(batch):
    graph = Graph("squares")
    x = layers.linear(graph.input("x", (batch, 3)), 5)
    x = graph.add(square, x=x)
    graph.output("y", layers.linear(x, 2))
    graph.output("loss", layers.mean(graph.outputs["y"]))
    return graph


@pytest.mark.parametrize("device", ["cpu", "interpret"])
def test_it_runs_in_a_network_and_its_backward_too(device):
    model = Model(network, device, seed=3)
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)

    def loss():
        return float(model.inference(4, ("loss",))(x=x)["loss"][0])

    optimizer = Optimizer("sgd")
    optimizer.attach(model.parameters)
    optimizer.set_rate(0.0, 0)
    model.training(4, optimizer)(x=x)
    gradients = model.parameters.gradients.download()
    name = "linear_1.bias"
    before = model.parameters.download()
    numeric = []
    for i in range(5):
        values = []
        for step in (1e-2, -1e-2):
            moved = before[name].copy()
            moved[i] += step
            model.parameters.upload(before | {name: moved})
            values.append(loss())
        numeric.append((values[0] - values[1]) / 2e-2)
    np.testing.assert_allclose(gradients[name], numeric, rtol=1e-3, atol=1e-5)


def test_its_layer_is_named_after_it_and_unknown_arguments_are_refused():
    graph = Graph("g")
    x = graph.input("x", (2, 3))
    assert graph.add(square, x=x).name == "square_1"
    with pytest.raises(ValueError, match="square takes x, not z"):
        graph.add(square, z=x)


def test_what_it_lacks_is_interpreted_and_checked_where_that_is_asked_for():
    assert square.has("cuda")
    assert not square.has("cpu")
    with pytest.raises(OperationError, match=r"^square: has no cpu\.py, only cuda$"):
        square.implementation("cpu")
