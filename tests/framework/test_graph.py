"""Building a graph: shapes flow, and what cannot work is refused by name."""

import pytest

from apps.mnist.models import cnn6
from framework import Graph, GraphError
from framework.layers import conv2d, flatten, linear, pool
from kernels.operation import ShapeError


@pytest.fixture
def image():
    return Graph("test").input("image", (2, 1, 8, 8))


def test_shapes_flow_from_layer_to_layer(image):
    x = conv2d(image, channels=4, kernel=3, stride=2, padding=1)
    assert x.shape == (2, 4, 4, 4)
    assert pool(x, "max", window=(2, 1)).shape == (2, 4, 2, 4)
    assert linear(flatten(x), 5).shape == (2, 5)


def test_a_kernel_that_does_not_fit_is_refused_with_node_and_sizes(image):
    with pytest.raises(ShapeError, match=r"^stem: conv2d: .*\(9, 9\).*\(8, 8\)"):
        conv2d(image, channels=4, kernel=9, name="stem")


def test_values_of_other_shapes_cannot_be_added(image):
    with pytest.raises(ShapeError, match=r"^add_1: add: "):
        image.graph.add("add", a=image, b=conv2d(image, channels=4, kernel=3))


def test_an_unknown_operation_is_refused_with_the_known_ones(image):
    with pytest.raises(GraphError, match=r"'conv3d' is none, choose from .*conv2d"):
        image.graph.add("conv3d", x=image)


def test_an_unknown_argument_is_refused_with_the_known_ones(image):
    with pytest.raises(GraphError, match=r"activation takes x, function, not slope"):
        image.graph.add("activation", x=image, function="relu", slope=0.2)


def test_a_missing_array_is_refused_by_name(image):
    with pytest.raises(GraphError, match="conv2d_1: conv2d needs w"):
        image.graph.add("conv2d", x=image)


def test_two_layers_cannot_have_one_name(image):
    conv2d(image, channels=4, kernel=3, name="stem")
    with pytest.raises(GraphError, match=r"stem.*already"):
        conv2d(image, channels=4, kernel=3, name="stem")


def test_a_size_of_zero_is_refused():
    with pytest.raises(ShapeError, match="image: shape"):
        Graph("test").input("image", (0, 1, 8, 8))


def test_linear_says_that_images_must_be_flattened_first(image):
    with pytest.raises(GraphError, match="flatten"):
        linear(image, 10)


def test_cnn6_has_the_layers_of_the_paper():
    graph = cnn6(50)
    convolutions = [node for node in graph.nodes if node.operation.name == "conv2d"]
    assert [node.outputs[0].shape[1:] for node in convolutions] == [(32, n, n) for n in (24, 20, 16, 12, 8, 4)]
    assert [n.outputs[0].shape[1] for n in graph.nodes if n.operation.name == "linear"] == [1024, 10]
