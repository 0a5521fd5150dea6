"""Building a graph: shapes flow, and what cannot work is refused by name."""

import math

import numpy as np
import pytest

from apps.mnist.models import cnn6
from framework import Graph, GraphError, Model
from framework.layers import add, conv2d, flatten, linear, pool, zeros
from framework.parameters import Parameters
from framework.summary import rows
from kernels.operation import ShapeError
from tests.helpers.networks import pyramid


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
    with pytest.raises(GraphError, match=r"unknown operation 'conv3d'; choose from .*conv2d"):
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


# Constants


def with_constant(batch, values=((1, 2, 3),), dtype=np.float32):
    graph = Graph("with_constant")
    x = graph.input("x", (batch, 3))
    graph.output("y", add(x, graph.constant("offset", np.array(values, dtype))))
    return graph


@pytest.mark.parametrize("device", ["reference", "cpu", "interpret"])
def test_a_constant_is_there_in_every_run(device):
    program = Model(with_constant, device).inference(1, outputs=("y",))
    for shift in (0, 5):
        np.testing.assert_array_equal(program(x=np.full((1, 3), shift))["y"], [[1 + shift, 2 + shift, 3 + shift]])


def test_a_constant_is_neither_given_nor_learned_nor_saved():
    model = Model(with_constant, "cpu")
    assert model.parameters.download() == {}
    assert list(model.inference(1, outputs=("y",)).inputs) == ["x"]
    with pytest.raises(GraphError, match="takes x, given x, offset"):
        model.inference(1, outputs=("y",))(x=np.zeros((1, 3)), offset=np.zeros((1, 3)))


def test_a_constant_keeps_its_type():
    graph = pyramid(1)
    assert (graph.values["label"].dtype, graph.values["boxes"].dtype) == ("int32", "float32")


def test_a_constant_of_another_shape_is_refused_like_any_value():
    with pytest.raises(ShapeError, match=r"^add_1: add: .*\(1, 3\).*\(1, 2\)"):
        with_constant(1, values=((1, 2),))


# Shared parameters


def shared(at=("A", "B"), channels=(4, 4), kernels=(3, 3)):
    """Two convolutions of one name, each in its place."""
    graph = Graph("shared")
    x = graph.input("x", (2, 3, 8, 8))
    for where, depth, kernel in zip(at, channels, kernels, strict=True):
        conv2d(x, depth, kernel, name="head", at=where)
    return graph


def test_layers_of_one_name_in_several_places_share_their_parameters():
    graph = shared()
    one, other = graph.nodes
    assert (one.name, other.name) == ("head@A", "head@B")
    assert one.values["w"] is other.values["w"]
    assert one.values["b"] is other.values["b"]
    assert [v.name for v in graph.of_role("parameter")] == ["head.weight", "head.bias"]


def test_shared_parameters_exist_and_count_once():
    graph = shared()
    expected = 4 * 3 * 3 * 3 + 4
    assert Parameters(graph, Model(with_constant, "cpu").device).count == expected
    assert [row["parameters"] for row in rows(graph)] == [expected, 0]


def test_a_shared_parameter_of_another_shape_is_refused():
    message = r"^head\.weight: is shared as a parameter \(4, 3, 3, 3\), not as a parameter \(4, 3, 5, 5\)$"
    with pytest.raises(GraphError, match=message):
        shared(kernels=(3, 5))
    with pytest.raises(
        GraphError, match=r"^head\.weight: is shared as a parameter \(4, 3, 3, 3\), not as .*\(5, 3, 3, 3\)$"
    ):
        shared(channels=(4, 5))


def test_what_is_no_parameter_cannot_be_shared_as_one():
    graph = Graph("test")
    graph.input("head.weight", (4,))
    with pytest.raises(GraphError, match=r"^head\.weight: is shared as a input \(4,\), not as a parameter \(4,\)$"):
        graph.parameter("head.weight", (4,), zeros, shared=True)


def test_two_layers_in_one_place_cannot_have_one_name():
    with pytest.raises(GraphError, match=r"head@A.*already"):
        shared(at=("A", "A"))


def test_a_parameter_that_is_not_shared_cannot_be_asked_for_again():
    graph = Graph("test")
    graph.parameter("w", (4,), zeros)
    with pytest.raises(GraphError, match=r"^w: graph test has a value of that name already"):
        graph.parameter("w", (4,), zeros)


# Several outputs


def largest(batch):
    """The two largest of five rows, and which they are."""
    graph = Graph("largest")
    value, index = graph.node("topk", "best", x=graph.input("x", (batch, 5, 1)), k=2).outputs
    graph.output("value", value)
    graph.output("index", index)
    return graph


def test_a_node_with_several_outputs_names_them_and_keeps_their_types():
    graph = largest(3)
    node = graph.nodes[0]
    assert [(v.name, v.shape, v.dtype) for v in node.outputs] == [
        ("best", (3, 2), "float32"),
        ("best.index", (3, 2), "int32"),
    ]
    assert graph.add("topk", x=graph.values["x"], k=1).node.outputs[0].name == "topk_2"


@pytest.mark.parametrize("device", ["reference", "cpu", "interpret"])
@pytest.mark.parametrize("outputs", [("value", "index"), ("index",), ("value",)])
def test_any_of_several_outputs_can_be_had(device, outputs):
    x = np.array([3.0, 9.0, 1.0, 7.0, 5.0]).reshape(1, 5, 1)
    got = Model(largest, device).inference(1, outputs=outputs)(x=x)
    expected = {"value": [[9, 7]], "index": [[1, 3]]}
    assert set(got) == set(outputs)
    for name, array in got.items():
        np.testing.assert_array_equal(array, expected[name])


def test_every_output_of_a_node_can_be_read_on():
    graph = pyramid(2)
    target, weight = (graph.values[name] for name in ("assign_targets_1", "assign_targets_1.weight"))
    assert target.node is weight.node
    readers = {node.operation.name for node in graph.nodes for value in node.inputs if value in (target, weight)}
    assert readers == {"reshape"}
    assert math.prod(target.shape) == 2 * math.prod(weight.shape)
