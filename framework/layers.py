"""Layers: operations together with the parameters they learn, and how those start.

Each function takes a value, adds what it needs to that value's graph, and returns the result, so a model
reads from top to bottom. Parameters carry PyTorch's names (conv.weight, conv.bias, norm.running_mean ...),
so that weights can be exchanged.

Where one layer is applied in several places, as the heads of a detector are on every pyramid level, `at` says where:
conv2d(p3, ..., name="head", at="P3") and conv2d(p4, ..., name="head", at="P4") share head.weight and head.bias.
"""

import math
from numbers import Integral

import numpy as np

from framework.graph import GraphError, Initial, Value
from kernels.operation import unknown

POOLINGS = ("max", "avg", "l2")


def zeros(generator, shape):
    """Start at 0: biases, and the shift of a normalization."""
    return np.zeros(shape)


def ones(generator, shape):
    """Start at 1: the scale of a normalization."""
    return np.ones(shape)


def he_normal(fan_in):
    """Start with variance 2 / fan_in, which keeps the size of activations through ReLU layers (He et al., 2015)."""
    return lambda generator, shape: generator.standard_normal(shape) * math.sqrt(2 / fan_in)


def normal(deviation):
    """Start with small random values: the last layers of a detector's heads (Lin et al., 2017, section 4.1)."""
    return lambda generator, shape: deviation * generator.standard_normal(shape)


def constant(value):
    """Start at one value."""
    return lambda generator, shape: np.full(shape, value)


def pair(what: str, value) -> tuple:
    """A size in rows and columns, from one whole number for both or from two. Raises GraphError in the name `what`."""
    if isinstance(value, Integral):
        return int(value), int(value)
    if isinstance(value, tuple | list) and len(value) == 2:
        return tuple(value)
    raise GraphError(f"{what} {value!r} must be a whole number or a pair (rows, columns) of them")


def conv2d(
    x: Value,
    channels: int,
    kernel,
    stride=1,
    padding=0,
    bias: bool = True,
    name: str | None = None,
    at: str = "",
    start: Initial | None = None,
    bias_start: Initial = zeros,
) -> Value:
    """Convolution to `channels` feature maps: x (R, C, H, W) -> (R, channels, H', W'). It starts as `he_normal`."""
    if len(x.shape) != 4:
        raise GraphError(f"{name or 'conv2d'}: conv2d takes an input (R, C, H, W), not {x.shape}")
    graph, name = x.graph, name or x.graph.free_name("conv2d")
    shape = (channels, x.shape[1], *pair(f"{name}: kernel", kernel))
    start, shared = start or he_normal(math.prod(shape[1:])), bool(at)
    w = graph.parameter(f"{name}.weight", shape, start, decays=True, shared=shared)
    b = graph.parameter(f"{name}.bias", (channels,), bias_start, shared=shared) if bias else None
    sizes = {"stride": pair(f"{name}: stride", stride), "padding": pair(f"{name}: padding", padding)}
    return graph.add("conv2d", _place(name, at), x=x, w=w, b=b, **sizes)


def linear(x: Value, units: int, bias: bool = True, name: str | None = None) -> Value:
    """Fully connected layer: x (R, N) -> (R, units)."""
    if len(x.shape) != 2:
        raise GraphError(f"{name or 'linear'}: linear takes an input (R, N), not {x.shape}; flatten it first")
    graph, name = x.graph, name or x.graph.free_name("linear")
    w = graph.parameter(f"{name}.weight", (units, x.shape[1]), he_normal(x.shape[1]), decays=True)
    b = graph.parameter(f"{name}.bias", (units,), zeros) if bias else None
    return graph.add("linear", name, x=x, w=w, b=b)


def batchnorm(x: Value, epsilon: float = 1e-5, momentum: float = 0.1, name: str | None = None, **settings) -> Value:
    """Batch normalization per channel: x (R, C, H, W) or (R, C). Also keeps running averages for use at run time."""
    graph, name, channels = x.graph, name or x.graph.free_name("batchnorm"), x.shape[1:2]
    return graph.add(
        "batchnorm",
        name,
        x=x,
        gamma=graph.parameter(f"{name}.weight", channels, ones),
        beta=graph.parameter(f"{name}.bias", channels, zeros),
        running_mean=graph.state(f"{name}.running_mean", channels, zeros),
        running_var=graph.state(f"{name}.running_var", channels, ones),
        epsilon=epsilon,
        momentum=momentum,
        **settings,
    )


def groupnorm(x: Value, groups: int, epsilon: float = 1e-5, name: str | None = None, at: str = "") -> Value:
    """Group normalization, picture by picture: x (R, C, H, W), of which `groups` divides C. It has no running averages,
    so it may stand in several places at once, as in the heads of a detector."""
    graph, name, channels, shared = x.graph, name or x.graph.free_name("groupnorm"), x.shape[1:2], bool(at)
    gamma = graph.parameter(f"{name}.weight", channels, ones, shared=shared)
    beta = graph.parameter(f"{name}.bias", channels, zeros, shared=shared)
    return graph.add("groupnorm", _place(name, at), x=x, gamma=gamma, beta=beta, groups=groups, epsilon=epsilon)


def activation(x: Value, function: str, name: str | None = None) -> Value:
    """relu, leaky_relu, sigmoid, tanh or arctan of every value."""
    return x.graph.add("activation", name, x=x, function=function)


def relu(x: Value, name: str | None = None) -> Value:
    """Negative values become 0."""
    return activation(x, "relu", name)


def pool(x: Value, how: str, window, stride=None, padding=0, name: str | None = None) -> Value:
    """Pooling by "max", "avg" or "l2" over windows; `stride` is the window's size unless given."""
    if how not in POOLINGS:
        raise GraphError(unknown("pooling", how, POOLINGS))
    kind = f"{how}pool2d"
    given = {"window": window, "stride": window if stride is None else stride, "padding": padding}
    sizes = {what: pair(f"{name or kind}: {what}", value) for what, value in given.items()}
    return x.graph.add(kind, name, x=x, **sizes)


def add(a: Value, b: Value, name: str | None = None) -> Value:
    """Sum of two values of one shape."""
    return a.graph.add("add", name, a=a, b=b)


def upsample(x: Value, size, mode: str = "nearest", name: str | None = None) -> Value:
    """x (R, C, H, W) -> (R, C, *size), by the "nearest" value or "bilinear"."""
    return x.graph.add("upsample2d", name, x=x, size=pair(f"{name or 'upsample2d'}: size", size), mode=mode)


def reshape(x: Value, *shape: int, name: str | None = None) -> Value:
    """The same values under another shape. The memory stays where it is."""
    return x.graph.add("reshape", name, x=x, shape=shape)


def flatten(x: Value, name: str | None = None) -> Value:
    """(R, C, H, W) -> (R, C * H * W). The memory stays where it is."""
    return reshape(x, x.shape[0], math.prod(x.shape[1:]), name=name)


def mean(x: Value, name: str | None = None) -> Value:
    """Mean of all values, shape (1,)."""
    return x.graph.add("reduce", name, x=x, how="mean")


def softmax_classifier(x: Value) -> None:
    """End a classifier of x (R, C) logits: input `target` (R, C), outputs `probabilities`, `losses` (R,), `loss` (1,).

    Training uses the fused loss, which is stable for any logits; the probabilities are for those who ask.
    """
    graph = x.graph
    target = graph.input("target", x.shape)
    graph.output("probabilities", graph.add("softmax", "probabilities", x=x))
    losses = graph.output("losses", graph.add("softmax_cross_entropy", "losses", x=x, target=target))
    graph.output("loss", mean(losses, "loss"))


def _place(name: str, at: str) -> str:
    return f"{name}@{at}" if at else name
