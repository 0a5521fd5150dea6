"""The digit classifiers of the seeds, by name. Each is a function of the batch size that returns a graph.

Input `image` (R, 28, 28, 1) uint8, as digits are stored; input `target` (R, 10), one-hot; outputs `probabilities`
(R, 10), `losses` (R,) and `loss` (1,).
"""

from framework import Graph, Value
from framework.layers import activation, batchnorm, conv2d, flatten, linear, mean, pool, relu, softmax_classifier


def _start(name: str, batch: int) -> Value:
    """The input, and after it float32 (R, 1, 28, 28) from 0 to 1."""
    graph = Graph(name)
    image = graph.input("image", (batch, 28, 28, 1), "uint8")
    return graph.add("normalise", "normalise", x=image, mean=(0.0,), std=(1.0,))


def cnn6(batch: int) -> Graph:
    """Six convolutions 5x5 of 32 channels, dense 1024, dense 10 (Zozoulenko (2018), section 3.3.1; 99.5 %).

    Batch normalization before and ReLU after each layer, as the paper says, except after the last: a ReLU before
    the softmax would cut off every negative logit, and its delta-error with it.
    """
    x = _start("cnn6", batch)
    for _ in range(6):
        x = relu(conv2d(batchnorm(x), channels=32, kernel=5))
    x = relu(linear(batchnorm(flatten(x)), 1024))
    softmax_classifier(linear(batchnorm(x), 10))
    return x.graph


def fcc6(batch: int) -> Graph:
    """Six dense layers of 784 and one of 10 (Zozoulenko (2018), section 3.3.1; 97.3 %)."""
    x = flatten(_start("fcc6", batch))
    for _ in range(6):
        x = relu(linear(batchnorm(x), 784))
    softmax_classifier(linear(batchnorm(x), 10))
    return x.graph


def cnn3(batch: int) -> Graph:
    """Three blocks of batch normalization, convolution 5x5 of stride 2 and ReLU, then softmax (seed 001; 99.2 %).

    The paper gives neither channels nor padding. With padding 2 the maps are 14, 7 and 4 pixels wide; 32, 64 and
    128 channels; a dense layer takes the last map to the 10 classes.
    """
    x = _start("cnn3", batch)
    for channels in (32, 64, 128):
        x = relu(conv2d(batchnorm(x), channels, kernel=5, stride=2, padding=2))
    softmax_classifier(linear(flatten(x), 10))
    return x.graph


def single(batch: int) -> Graph:
    """One convolution, ReLU, one max pooling, dense layers, sigmoid outputs with binary cross entropy (seed 002).

    The article leaves the sizes open: 16 kernels 5x5, windows 2x2, dense 128 and 64. Each of the ten outputs is the
    probability of one digit by itself, so `probabilities` need not sum to 1.
    """
    x = relu(conv2d(_start("single", batch), channels=16, kernel=5))
    x = flatten(pool(x, "max", window=2))
    for units in (128, 64):
        x = relu(linear(x, units))
    graph = x.graph
    probabilities = graph.output("probabilities", activation(linear(x, 10), "sigmoid", "probabilities"))
    target = graph.input("target", probabilities.shape)
    losses = graph.add("loss", "losses", prediction=probabilities, target=target, function="bce")
    graph.output("loss", mean(graph.output("losses", losses), "loss"))
    return graph


def pooled(batch: int) -> Graph:
    """Two convolutions 5x5 of 8 channels, max pooling 2x2, dense 128, dense 10 (seed 003, Numpy-CNN)."""
    x = _start("pooled", batch)
    for _ in range(2):
        x = relu(conv2d(x, channels=8, kernel=5))
    x = relu(linear(flatten(pool(x, "max", window=2)), 128))
    softmax_classifier(linear(x, 10))
    return x.graph


def lenet5(batch: int, pooling: str = "avg") -> Graph:
    """LeNet-5 (seed 004; LeCun et al., 1998): convolutions of 6, 16, 120 channels with pooling between, dense 84, 10.

    The original's 32x32 input is had by padding the digits by 2; its trained subsampling and sparse connections
    became plain pooling and full connections, as everyone builds it today. tanh throughout, softmax at the end.
    """
    x = _start("lenet5" if pooling == "avg" else f"lenet5_{pooling}", batch)
    x = pool(activation(conv2d(x, channels=6, kernel=5, padding=2), "tanh"), pooling, window=2)
    x = pool(activation(conv2d(x, channels=16, kernel=5), "tanh"), pooling, window=2)
    x = activation(conv2d(x, channels=120, kernel=5), "tanh")
    x = activation(linear(flatten(x), 84), "tanh")
    softmax_classifier(linear(x, 10))
    return x.graph


def lenet5_max(batch: int) -> Graph:
    """LeNet-5 with max pooling."""
    return lenet5(batch, pooling="max")


def lenet5_conv(batch: int) -> Graph:
    """LeNet-5's all-convolutional twin (seed 004, after Springenberg et al., 2015): stride 2 in place of pooling.

    Each convolution before a pooling takes over its stride, with padding 2 so that the maps keep their sizes
    (28 -> 14 -> 7 -> 3).
    """
    x = _start("lenet5_conv", batch)
    x = activation(conv2d(x, channels=6, kernel=5, stride=2, padding=2), "tanh")
    x = activation(conv2d(x, channels=16, kernel=5, stride=2, padding=2), "tanh")
    x = activation(conv2d(x, channels=120, kernel=5), "tanh")
    x = activation(conv2d(x, channels=84, kernel=3), "tanh")
    x = conv2d(x, channels=10, kernel=1)
    softmax_classifier(flatten(x))
    return x.graph


MODELS = {build.__name__: build for build in (cnn6, fcc6, cnn3, single, pooled, lenet5, lenet5_max, lenet5_conv)}
