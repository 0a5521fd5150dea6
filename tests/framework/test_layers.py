"""Layers: how parameters start, which of them decay, and what is meant where an argument is left out."""

import numpy as np
import pytest

from framework import Graph, layers
from kernels.operation import ShapeError


def started(value, seed=0):
    return value.initial(np.random.default_rng(seed), value.shape)


def picture(graph):
    return graph.input("image", (2, 8, 12, 12))


def test_weights_start_with_the_deviation_of_he():
    """He et al. (2015), eq. 10: the variance of the weights is 2 / fan-in."""
    graph = Graph("start")
    x = layers.conv2d(picture(graph), 64, kernel=5, name="conv")
    layers.linear(layers.flatten(x), 50, name="full")
    fans = {"conv.weight": 8 * 5 * 5, "full.weight": 64 * 8 * 8}
    for name, fan_in in fans.items():
        values = started(graph.values[name])
        np.testing.assert_allclose(values.std(), np.sqrt(2 / fan_in), rtol=0.02)
        np.testing.assert_allclose(values.mean(), 0, atol=0.05 * np.sqrt(2 / fan_in))


def test_weights_decay_and_biases_scales_and_shifts_do_not():
    graph = Graph("decay")
    x = layers.batchnorm(layers.conv2d(picture(graph), 4, kernel=3, name="conv"), name="norm")
    layers.linear(layers.flatten(x), 5, name="full")
    decaying = {value.name for value in graph.of_role("parameter") if value.decays}
    assert decaying == {"conv.weight", "full.weight"}
    assert {"conv.bias", "norm.weight", "norm.bias", "full.bias"} <= graph.values.keys() - decaying


def test_batch_normalization_starts_as_what_changes_nothing():
    graph = Graph("norm")
    layers.batchnorm(picture(graph), name="norm")
    starts = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}
    for name, value in starts.items():
        np.testing.assert_array_equal(started(graph.values[f"norm.{name}"]), np.full(8, value))


def test_group_normalization_starts_as_what_changes_nothing_but_mean_and_variance_and_does_not_decay():
    graph = Graph("norm")
    layers.groupnorm(picture(graph), groups=4, name="norm")
    for name, value in {"weight": 1, "bias": 0}.items():
        np.testing.assert_array_equal(started(graph.values[f"norm.{name}"]), np.full(8, value))
        assert not graph.values[f"norm.{name}"].decays
    assert {value.name for value in graph.of_role("parameter")} == {"norm.weight", "norm.bias"}
    assert not list(graph.of_role("state")), "it has no running averages"


def test_group_normalization_in_several_places_shares_what_it_learns():
    graph = Graph("heads")
    fine, coarse = picture(graph), layers.pool(graph.values["image"], "max", window=2)
    for at, level in {"P3": fine, "P4": coarse}.items():
        assert layers.groupnorm(level, groups=2, name="norm", at=at).shape == level.shape
    assert {value.name for value in graph.of_role("parameter")} == {"norm.weight", "norm.bias"}
    assert [node.name for node in graph.nodes if node.name.startswith("norm")] == ["norm@P3", "norm@P4"]


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ShapeError, match=r"groupnorm: groups 3 must divide the 8 channels of x \(2, 8, 12, 12\)$"):
        layers.groupnorm(picture(Graph("odd")), groups=3)


@pytest.mark.parametrize("how", ["max", "avg", "l2"])
def test_windows_of_a_pool_stand_side_by_side_unless_a_stride_is_given(how):
    x = picture(Graph("pool"))
    assert layers.pool(x, how, window=3).shape == (2, 8, 4, 4)
    assert layers.pool(x, how, window=(3, 2)).shape == (2, 8, 4, 6)
    assert layers.pool(x, how, window=3, stride=1).shape == (2, 8, 10, 10)


def test_a_layer_without_bias_has_none():
    graph = Graph("none")
    x = layers.conv2d(picture(graph), 4, kernel=3, bias=False, name="conv")
    layers.linear(layers.flatten(x), 5, bias=False, name="full")
    assert {value.name for value in graph.of_role("parameter")} == {"conv.weight", "full.weight"}
