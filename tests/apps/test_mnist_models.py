"""The digit classifiers take digits as they are stored."""

from dataclasses import replace

import numpy as np
import pytest

from apps.mnist import classifier
from apps.mnist.classifier import EVALUATION_BATCH, Evaluation
from apps.mnist.data import load
from apps.mnist.models import MODELS
from framework import Graph, Model
from framework.graph import Node
from kernels.device import find_device


@pytest.fixture(scope="module")
def digits():
    return load("builtin").test_images[:9, :, :, np.newaxis]


def first_node(graph: Graph) -> Node:
    (node,) = (node for node in graph.nodes if graph.values["image"] in node.inputs)
    return node


@pytest.mark.parametrize("name", MODELS)
def test_bytes_become_numbers_from_zero_to_one_and_nothing_else_sees_the_bytes(name, digits):
    graph = MODELS[name](len(digits))
    image = graph.values["image"]
    assert (image.shape, image.dtype) == (digits.shape, digits.dtype.name)
    node = first_node(graph)
    assert node is graph.nodes[0]
    made = find_device("cpu").run(node.operation, "forward", {"x": digits, **node.settings})["y"]
    assert (made.min(), made.max()) == (0, 1)
    np.testing.assert_allclose(made[:, 0], digits[..., 0] / 255, rtol=2e-7)


def test_an_evaluation_is_the_same_in_portions(monkeypatch):
    """The last of three is not full."""
    builtin = load("builtin")
    count = 2 * EVALUATION_BATCH + 20
    digits = replace(builtin, test_images=builtin.test_images[:count], test_labels=builtin.test_labels[:count])
    model = Model(MODELS["single"], "cpu", seed=1)
    in_portions = Evaluation(model, digits)()
    monkeypatch.setattr(classifier, "EVALUATION_BATCH", count)
    at_once = Evaluation(model, digits)()
    assert in_portions.probabilities.shape == (count, 10)
    np.testing.assert_allclose(in_portions.probabilities, at_once.probabilities, rtol=1e-5, atol=1e-7)
    assert in_portions.loss == pytest.approx(at_once.loss, rel=1e-5)
    assert in_portions.accuracy == at_once.accuracy
