"""The digit classifiers take digits as they are stored."""

import numpy as np
import pytest

from apps.mnist.data import load
from apps.mnist.models import MODELS
from framework import Graph
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
