"""What cannot be is refused where it is said, in one line that names what was given and what is allowed."""

import math

import pytest

from apps.faces.training import recipe as detector_recipe
from apps.mnist.classifier import recipe
from apps.mnist.models import lenet5, single
from framework import Graph, GraphError, Model, Optimizer, layers
from framework.recipe import RecipeError
from framework.schedule import cosine_schedule, step_schedule
from kernels.operation import ShapeError, UnknownOperation


def image():
    return Graph("net").input("x", (2, 3, 8, 8))


def features():
    return Graph("net").input("x", (2, 3))


def loss(function):
    x = features()
    return x.graph.add("loss", prediction=x, target=x.graph.input("t", (2, 3)), function=function)


def refused(made, error, message):
    with pytest.raises(error) as caught:
        made()
    assert str(caught.value) == message


OPTIMIZERS = "choose from adam, sgd"
DIGITS = "cnn6, fcc6, cnn3, single, pooled, lenet5, lenet5_max, lenet5_conv"


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda: Optimizer("adan"), UnknownOperation, f"unknown optimizer 'adan'; {OPTIMIZERS}"),
        (lambda: Optimizer("softmax"), UnknownOperation, f"unknown optimizer 'softmax'; {OPTIMIZERS}"),
        (lambda: recipe("cnn6", optimizer="adan"), RecipeError, f"unknown optimizer 'adan'; {OPTIMIZERS}"),
        (lambda: recipe("cnn6", schedule="cosin"), RecipeError, "unknown schedule 'cosin'; choose from cosine, step"),
        (lambda: recipe("cnn7"), RecipeError, f"unknown model 'cnn7'; choose from {DIGITS}"),
        (lambda: detector_recipe("x"), RecipeError, "unknown model 'x'; choose from scout, lite, facenet, faceresnet"),
        (
            lambda: detector_recipe("lite", matching="best"),
            RecipeError,
            "unknown matching 'best'; choose from paper, per_level, refined, quality",
        ),
        (
            lambda: detector_recipe("lite", augmentation="none"),
            RecipeError,
            "unknown augmentation 'none'; choose from varied, faces, paper",
        ),
        (lambda: layers.pool(image(), "median", 2), GraphError, "unknown pooling 'median'; choose from max, avg, l2"),
        (lambda: lenet5(1, pooling="mean"), GraphError, "unknown pooling 'mean'; choose from max, avg, l2"),
        (
            lambda: layers.activation(image(), "rel"),
            ShapeError,
            "activation_1: activation: unknown function 'rel'; choose from relu, leaky_relu, sigmoid, tanh, arctan",
        ),
        (
            lambda: loss("huber"),
            ShapeError,
            "loss_1: loss: unknown function 'huber'; choose from mse, msle, l2, l1, mae, mape, bce",
        ),
        (
            lambda: layers.upsample(image(), 16, "cubic"),
            ShapeError,
            "upsample2d_1: upsample2d: unknown mode 'cubic'; choose from nearest, bilinear",
        ),
        (
            lambda: Model("cnn6"),
            GraphError,
            "build 'cnn6' must be a function of the batch size that returns a Graph",
        ),
        (lambda: Model(print, "cpu"), GraphError, "build: print must return a Graph; it returned None"),
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(made, error, message):
    refused(made, error, message)


@pytest.mark.parametrize("padding", ["same", 1.5, (1, 1, 1), None, {"rows": 1}])
def test_a_padding_that_is_no_size_is_refused(padding):
    message = f"conv2d_1: padding {padding!r} must be a whole number or a pair (rows, columns) of them"
    refused(lambda: layers.conv2d(image(), 4, 3, padding=padding), GraphError, message)


@pytest.mark.parametrize("size", [0, -1, 2.5, math.nan, "3"])
def test_a_size_below_one_or_between_two_is_refused(size):
    message = f"linear_1.weight: shape ({size!r}, 3) must have whole sizes of at least 1"
    refused(lambda: layers.linear(features(), size), ShapeError, message)
    message = f"image: shape ({size!r}, 28, 28, 1) must have whole sizes of at least 1"
    refused(lambda: Model(single, "cpu").inference(size), ShapeError, message)


@pytest.mark.parametrize("rate", [0, -0.1, math.nan, math.inf])
def test_a_learning_rate_with_which_nothing_is_learned_is_refused(rate):
    message = f"learning rate {rate} must be a number above 0"
    refused(lambda: cosine_schedule(rate, 10), ValueError, message)
    refused(lambda: step_schedule(rate), ValueError, message)
    refused(lambda: recipe("cnn6", rate=rate), RecipeError, message)


@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf])
def test_a_rate_that_cannot_be_is_never_set(rate):
    model, optimizer = Model(single, "cpu"), Optimizer("sgd")
    optimizer.attach(model.parameters)
    optimizer.set_rate(0.0, 0)  # where a cosine ends
    message = f"optimizer: learning rate {rate} must be a number of at least 0"
    refused(lambda: optimizer.set_rate(rate, 0), ValueError, message)


def test_an_optimizer_without_a_model_has_no_rate():
    message = "optimizer: this adam has no model yet; model.training(...) takes it"
    refused(lambda: Optimizer("adam").set_rate(0.1, 0), ValueError, message)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sgd", {"momentum": 2}, "sgd: momentum 2 must be at least 0 and below 1"),
        ("sgd", {"momentum": -0.5}, "sgd: momentum -0.5 must be at least 0 and below 1"),
        ("sgd", {"momentum": math.nan}, "sgd: momentum nan must be at least 0 and below 1"),
        ("sgd", {"decay": -1}, "sgd: decay -1 must be a number of at least 0"),
        ("adam", {"beta1": 1}, "adam: beta1 1 must be at least 0 and below 1"),
        ("adam", {"beta2": math.nan}, "adam: beta2 nan must be at least 0 and below 1"),
        ("adam", {"epsilon": -1}, "adam: epsilon -1 must be a number of at least 0"),
        ("adam", {"decay": math.inf}, "adam: decay inf must be a number of at least 0"),
        ("sgd", {"beta1": 0.9}, "optimizer: sgd takes momentum, decay, not beta1"),
    ],
)
def test_a_setting_of_an_optimizer_out_of_its_range_is_refused(name, settings, message):
    refused(lambda: Optimizer(name, **settings), ValueError if "takes" in message else ShapeError, message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch 0 must be a whole number of at least 1"),
        ({"iterations": 0}, "iterations 0 must be a whole number of at least 1"),
        ({"iterations": 2.5}, "iterations 2.5 must be a whole number of at least 1"),
        ({"seed": -1}, "seed -1 must be a whole number of at least 0"),
        ({"warmup": -1}, "warmup -1 must be a whole number of at least 0"),
        ({"optimizer": "sgd", "momentum": 2}, "sgd: momentum 2 must be at least 0 and below 1"),
        ({"shift": -1}, "shift -1 must be a number from 0 to 28"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(options, message):
    refused(lambda: recipe("cnn6", **options), RecipeError, message)


def test_no_iterations_have_no_schedule():
    refused(lambda: cosine_schedule(0.1, 0), ValueError, "0 iterations found, at least 1 expected")


def test_values_of_two_graphs_do_not_meet():
    one, other = Graph("one"), Graph("other")
    a, b = one.input("a", (2, 3)), other.input("b", (2, 3))
    refused(lambda: layers.add(a, b), GraphError, "add_1: b is b of another graph (other)")
