"""Parameters in flat buffers: named views, and weights that are refused by name."""

import numpy as np
import pytest

from framework import Graph, Model
from framework.layers import linear
from framework.parameters import ParameterError
from tests.helpers.networks import plain


@pytest.fixture
def parameters():
    return Model(plain, "cpu", seed=1).parameters


def test_what_is_uploaded_comes_back(parameters):
    arrays = {n: np.random.default_rng(0).random(a.shape).astype(np.float32) for n, a in parameters.download().items()}
    parameters.upload(arrays)
    for name, array in parameters.download().items():
        np.testing.assert_array_equal(array, arrays[name])


def test_parts_are_views_of_the_flat_buffer(parameters):
    parameters.weights.fill(2)
    assert (parameters.weights.part("linear_1.weight") == 2).all()


def test_decaying_parameters_stand_first_and_no_others_among_them(parameters):
    decaying, others = np.split(parameters.weights.array, [parameters.decaying])
    for name in parameters.weights.shapes:
        parameters.weights.part(name)[...] = 1 if name in ("conv2d_1.weight", "linear_1.weight") else 5
    assert set(np.unique(decaying)) <= {0, 1}
    assert decaying.sum() == 4 * 9 + 36 * 4
    assert set(np.unique(others)) <= {0, 5}


def test_what_lies_between_arrays_is_0_in_all_buffers(parameters):
    """It is part of what is added up for a gradient's norm, and of what an optimizer steps along."""
    for flat in (parameters.weights, parameters.gradients, parameters.states):
        assert flat.array.size > sum(np.prod(shape) for shape in flat.shapes.values())
        for name in flat.shapes:
            flat.part(name)[...] = 0
        assert not flat.array.any()


def test_each_parameter_draws_for_itself():
    """Of two layers of one shape each starts in its own way; a layer more leaves the others as they were."""

    def build(layers):
        def network(batch):
            graph = Graph("deep")
            x = graph.input("x", (batch, 20))
            for number in layers:
                x = linear(x, 20, name=f"layer_{number}")
            return graph

        return Model(network, "cpu", seed=3).parameters.download()

    two, three = build((1, 2)), build((0, 1, 2))
    assert (two["layer_1.weight"] != two["layer_2.weight"]).mean() > 0.9
    for name, array in two.items():
        np.testing.assert_array_equal(three[name], array, err_msg=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("linear_1.bias"), "linear_1.bias: is missing"),
        (lambda a: a.update({"linear_1.bias": np.zeros(7)}), r"linear_1.bias: has shape \(7,\), .* needs \(4,\)"),
        (
            lambda a: a.update({"linear_1.weight": a["linear_1.weight"].T}),
            r"linear_1.weight: has shape \(36, 4\), .* needs \(4, 36\)",
        ),
        (lambda a: a.update({"extra": np.zeros(7)}), "extra: the network has no such parameter"),
    ],
)
def test_foreign_weights_are_refused_and_change_nothing(parameters, change, message):
    before = parameters.weights.array.copy()
    arrays = {name: array + 1 for name, array in parameters.download().items()}
    change(arrays)
    with pytest.raises(ParameterError, match=message):
        parameters.upload(arrays)
    np.testing.assert_array_equal(parameters.weights.array, before)


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (np.nan, "1 of 16 numbers are not finite, the network needs all"),
        (np.inf, "1 of 16 numbers are not finite"),
        (None, "holds int32, the network needs float32"),
    ],
)
def test_weights_that_are_no_numbers_are_refused(spoilt, message):
    parameters = Model(plain, "cpu").parameters
    before = parameters.download()
    array = before["linear_1.weight"].copy()
    if spoilt is None:
        array = array.astype(np.int32)
    else:
        array.flat[1] = spoilt
    with pytest.raises(ParameterError, match=f"linear_1.weight: {message}".replace("16", str(array.size))):
        parameters.upload({**before, "linear_1.weight": array})
    for name, kept in parameters.download().items():
        np.testing.assert_array_equal(kept, before[name])


def test_weights_start_at_the_size_he_et_al_derived():
    weights = Model(lambda batch: _wide(batch), "cpu").parameters.weights.part("linear_1.weight")
    assert abs(weights.std() - np.sqrt(2 / 500)) < 0.002


def _wide(batch):
    return linear(Graph("wide").input("x", (batch, 500)), 400).graph
