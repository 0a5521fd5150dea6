"""Fusion: a plan for looking in which convolutions take in what follows them computes what the plan as written does."""

import numpy as np
import pytest

from apps.faces.models import lite
from apps.mnist.models import MODELS, cnn6
from framework import Graph, Model, Plan, Summary
from framework.layers import activation, batchnorm, conv2d, flatten, relu
from framework.program import Program
from tests.helpers.checks import assert_close
from tests.helpers.networks import batch_for, of_any_size, plain, pyramid, regression, residual, twice

NETWORKS = (plain, residual, twice, pyramid, regression, of_any_size, *MODELS.values())


def start(channels):
    return Graph("chain").input("image", (2, channels, 9, 9))


def output(x):
    x.graph.output("y", x)
    return x.graph


def lines(graph, *outputs, fuse=True):
    """The steps as "layers: operation"."""
    return [f"{step.label}: {step.operation.name}" for step in Plan(graph, outputs or ("y",), fuse=fuse).steps]


def unlike_any_other(model):
    """Running averages and biases such as a network has learned, so that none is 0 or 1."""
    generator = np.random.default_rng(0)
    arrays = model.parameters.download()
    for name, array in arrays.items():
        noise = generator.uniform(0.5, 1.5, array.shape)
        arrays[name] = (noise if array.ndim == 1 else array).astype(np.float32)
    model.parameters.upload(arrays)
    return model


def assert_same_outputs(build, graph, *outputs):
    """Of the plan as written and of the fused one; returns how many steps fewer it has."""
    model = unlike_any_other(Model(build, "cpu"))
    written, fused = (Program(Plan(graph, outputs, fuse=fuse), model.parameters) for fuse in (False, True))
    inputs = batch_for(written)
    expected, got = written(**inputs), fused(**inputs)
    assert_close(got, expected, 1e-5)
    return len(written.plan.steps) - len(fused.plan.steps)


@pytest.mark.parametrize("build", NETWORKS, ids=lambda build: build.__name__)
def test_a_fused_network_computes_what_is_written(build):
    graph = build(3)
    assert_same_outputs(build, graph, *graph.outputs)


def test_a_fused_detector_computes_what_is_written():
    """With convolutions of 1 x 1 and 3 x 3, of stride 1 and 2, that nothing follows, ReLU, normalization, or both."""
    assert assert_same_outputs(lite, lite(1, size=(96, 64)), "scores", "boxes") > 40


def test_what_a_convolution_takes_in():
    x = start(3)
    assert lines(output(relu(batchnorm(conv2d(x, 4, 3))))) == ["conv2d_1 + batchnorm_1 + activation_1: conv2d_block"]
    x = start(3)
    assert lines(output(batchnorm(relu(conv2d(x, 4, 3))))) == ["conv2d_1 + activation_1 + batchnorm_1: conv2d_block"]
    x = start(3)
    assert lines(output(relu(conv2d(batchnorm(x), 4, 3)))) == [
        "batchnorm_1: batchnorm",
        "conv2d_1 + activation_1: conv2d_block",
    ]
    x = start(3)
    taken = [
        "conv2d_1 + batchnorm_1 + activation_1: conv2d_block",
        "batchnorm_2: batchnorm",
        "activation_2: activation",
    ]
    assert lines(output(relu(batchnorm(relu(batchnorm(conv2d(x, 4, 3))))))) == taken


def test_what_it_does_not_take_in():
    x = conv2d(start(3), 4, 3)
    assert lines(output(activation(x, "tanh"))) == ["conv2d_1: conv2d", "activation_1: activation"]
    x = conv2d(start(3), 4, 3)
    assert lines(output(batchnorm(flatten(x))))[0] == "conv2d_1: conv2d"  # a channel is then a value
    x = conv2d(start(3), 4, 3)
    x.graph.output("between", x)
    assert lines(output(relu(x)), "y", "between") == ["conv2d_1: conv2d", "activation_1: activation"]
    x = conv2d(start(3), 4, 3)
    x.graph.add("add", "sum", a=relu(x), b=x)
    assert lines(output(x.graph.values["sum"]))[0] == "conv2d_1: conv2d"


def test_what_lies_between_is_never_made():
    written, fused = (Plan(cnn6(50), ("probabilities",), fuse=fuse) for fuse in (False, True))
    assert sum(b.bytes for b in fused.transient) < 0.6 * sum(b.bytes for b in written.transient)
    assert fused.arena_bytes <= written.arena_bytes


@pytest.mark.parametrize(
    ("device", "name"), [("cpu", "conv2d_block"), ("reference", "conv2d"), ("interpret", "conv2d")]
)
def test_models_look_through_fused_plans_on_a_cpu_alone(device, name):
    program = Model(plain, device).inference(1)
    assert program.plan.steps[1].operation.name == name


def test_a_summary_says_what_is_taken_in():
    graph = output(flatten(relu(batchnorm(conv2d(start(3), 4, 3)))))
    taken_in = {row["layer"]: row["taken_in"] for row in Summary(graph).rows}
    assert taken_in["batchnorm_1"] == taken_in["activation_1"] == "conv2d_1"
    assert taken_in["conv2d_1"] == taken_in["reshape_1"] == ""
    assert repr(Summary(graph)).count("looking: in conv2d_1") == 2
