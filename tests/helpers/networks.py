"""Small networks for tests: every layer, fan-outs, shared weights, constants, nodes with several outputs."""

import numpy as np

from framework import Graph
from framework.layers import (
    activation,
    add,
    batchnorm,
    conv2d,
    flatten,
    groupnorm,
    he_normal,
    linear,
    mean,
    pool,
    relu,
    reshape,
    upsample,
)
from framework.layers import softmax_classifier as classify
from kernels.operations.labels import FACE, IGNORED_FACE, PADDING


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


def twice(batch):
    """Nodes of which a value, or a parameter, is both inputs."""
    graph = Graph("twice")
    x = linear(flatten(graph.input("image", (batch, 1, 4, 4))), 6)
    x = add(x, x)
    x = reshape(x, batch, 2, 3)
    half = graph.parameter("half.weight", (1, 2, 12), he_normal(12), decays=True)
    w = reshape(graph.add("concat", a=half, b=half), 4, 12)
    classify(graph.add("linear", x=flatten(graph.add("concat", a=x, b=x)), w=w, b=None))
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


def grouped(batch):
    """One head, a convolution with group normalization, on two levels."""
    graph = Graph("grouped")
    x = conv2d(graph.input("image", (batch, 1, 8, 8)), 4, kernel=3, padding=1)
    levels = {"fine": x, "coarse": pool(x, "max", window=2)}
    heads = []
    for at, level in levels.items():
        level = conv2d(level, 4, kernel=3, padding=1, name="head.conv", at=at)
        heads.append(flatten(relu(groupnorm(level, groups=2, name="head.norm", at=at))))
    classify(add(linear(heads[0], 4), linear(heads[1], 4)))
    return graph


def regression(batch):
    """A single linear layer under the mean squared error: gradients known by hand."""
    graph = Graph("regression")
    y = linear(graph.input("x", (batch, 3)), 2, name="fit")
    losses = graph.add("loss", prediction=y, target=graph.input("target", (batch, 2)), function="mse")
    graph.output("y", y)
    graph.output("loss", mean(losses))
    return graph


def pyramid(batch):
    """A detector of two levels in small: one head for both, and boxes, anchors and labels that are constants."""
    graph = Graph("pyramid")
    x = relu(conv2d(graph.input("image", (batch, 1, 8, 8)), 3, kernel=3, padding=1))
    coarse = conv2d(x, 3, kernel=3, stride=2, padding=1)
    fine = add(x, upsample(coarse, 8))

    def head(level, name, columns):
        outputs = conv2d(level, columns, kernel=3, padding=1, name=name, at=str(level.shape[2]))
        R, C, H, W = outputs.shape
        return graph.add("transpose", x=reshape(outputs, R, C, H * W))

    logits, offsets = (
        graph.add("concat", a=head(fine, name, columns), b=head(coarse, name, columns))
        for name, columns in (("classes", 2), ("offsets", 4))
    )
    squares = [[x, y, x + side, y + side] for side in (2, 4) for y in range(0, 16, side) for x in range(0, 16, side)]
    anchors = graph.constant("anchors", np.array(squares, np.float32))
    faces = np.array([[1, 2, 3, 4], [4, 4, 9, 9], [0, 0, 0, 0], [10, 0, 14, 4]], np.float32)
    boxes = graph.constant("boxes", np.stack([faces] * batch))
    label = graph.constant("label", np.array([[FACE, FACE, PADDING, IGNORED_FACE]] * batch, np.int32))
    matched = graph.add(
        "match_anchors", anchors=anchors, boxes=boxes, label=label, positive=0.3, negative=0.3, best=True
    )
    truth = graph.add("encode_boxes", boxes=boxes, matched=matched, anchors=anchors)
    target, weight = graph.node("assign_targets", matched=matched).outputs
    rows = len(squares) * batch
    classes = graph.add("focal_loss", x=reshape(logits, rows, 2), target=reshape(target, rows, 2))
    arrays = {"prediction": reshape(offsets, rows, 4), "target": reshape(truth, rows, 4)}
    places = graph.add("smooth_l1", **arrays, weight=reshape(weight, rows))
    parts = [graph.add("reduce", x=part, how="sum") for part in (classes, places)]
    for name, part in zip(("classification", "regression"), parts, strict=True):
        graph.output(name, part)
    graph.output("loss", add(*parts))
    return graph


def of_any_size(batch, size=8):
    """Takes pictures of size x size; what it learns does not depend on that."""
    graph = Graph("of_any_size")
    x = relu(batchnorm(conv2d(graph.input("image", (batch, 1, size, size)), 4, kernel=3, padding=1, name="conv")))
    classify(linear(flatten(pool(x, "avg", window=size)), 4, name="fit"))
    graph.output("brightness", mean(x))
    return graph


def batch_for(program, seed=0):
    """Values for all inputs of a program; targets are one-hot."""
    generator = np.random.default_rng(seed)
    values = {}
    for name, buffer in program.inputs.items():
        if name == "target":
            values[name] = np.eye(buffer.shape[1])[generator.integers(0, buffer.shape[1], buffer.shape[0])]
        elif buffer.dtype == "uint8":
            values[name] = generator.integers(0, 256, buffer.shape, np.uint8)
        else:
            values[name] = generator.random(buffer.shape)
    return values
