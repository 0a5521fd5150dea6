"""Small networks for tests: every layer, fan-outs, shared weights."""

from framework import Graph
from framework.layers import activation, add, batchnorm, conv2d, flatten, he_normal, linear, mean, pool, relu
from framework.layers import softmax_classifier as classify


def residual(batch):
    """Two branches that meet again, a value used three times, and one weight used by two convolutions."""
    graph = Graph("residual")
    x = relu(conv2d(graph.input("image", (batch, 1, 8, 8)), 3, kernel=3, padding=1))
    shared = graph.parameter("shared.weight", (3, 3, 3, 3), he_normal(27), decays=True)
    pads = {"stride": (1, 1), "padding": (1, 1)}
    left = activation(graph.add("conv2d", x=x, w=shared, b=None, **pads), "tanh")
    right = batchnorm(graph.add("conv2d", x=left, w=shared, b=None, **pads))
    x = add(add(x, right), x)
    x = linear(flatten(pool(x, "avg", window=2)), 4)
    classify(x)
    return graph


def plain(batch):
    """One of each layer of the digits, in a row."""
    graph = Graph("plain")
    x = graph.input("image", (batch, 1, 8, 8))
    x = relu(conv2d(batchnorm(x), 4, kernel=3))
    x = pool(x, "max", window=2)
    x = linear(batchnorm(flatten(x)), 4)
    classify(x)
    return graph


def regression(batch):
    """A single linear layer under the mean squared error: gradients known by hand."""
    graph = Graph("regression")
    y = linear(graph.input("x", (batch, 3)), 2, name="fit")
    losses = graph.add("loss", prediction=y, target=graph.input("target", (batch, 2)), function="mse")
    graph.output("y", y)
    graph.output("loss", mean(losses))
    return graph
