"""Parameters in flat buffers: named views, and weights that are refused by name."""

import numpy as np
import pytest

from framework import Model
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


def test_decaying_parameters_stand_first(parameters):
    decaying = parameters.weights.array[: parameters.decaying]
    parameters.weights.fill(0)
    parameters.weights.part("conv2d_1.weight")[...] = 1
    parameters.weights.part("linear_1.weight")[...] = 1
    parameters.weights.part("conv2d_1.bias")[...] = 5
    assert set(np.unique(decaying)) <= {0, 1}
    assert decaying.sum() == 4 * 9 + 36 * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("linear_1.bias"), "linear_1.bias: is missing"),
        (lambda a: a.update({"linear_1.bias": np.zeros(7)}), r"linear_1.bias: has shape \(7,\), .* needs \(4,\)"),
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


def test_weights_start_at_the_size_he_et_al_derived():
    weights = Model(lambda batch: _wide(batch), "cpu").parameters.weights.part("linear_1.weight")
    assert abs(weights.std() - np.sqrt(2 / 500)) < 0.002


def _wide(batch):
    from framework import Graph
    from framework.layers import linear

    x = linear(Graph("wide").input("x", (batch, 500)), 400)
    return x.graph
