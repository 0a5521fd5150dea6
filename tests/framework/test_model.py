"""Models: started from a seed, or from what another has learned, and then nothing is drawn."""

from functools import partial

import pytest

import apps.faces.detector
import apps.mnist.classifier
from apps.faces.models import scout
from apps.mnist.models import cnn6
from framework import Model, Optimizer
from framework.parameters import ParameterError
from tests.helpers.checks import assert_same
from tests.helpers.networks import of_any_size, plain


def never_drawn(build, *arguments, **options):
    """The same network, whose parameters refuse to be drawn."""
    graph = build(*arguments, **options)

    def refuse(generator, shape):
        raise AssertionError("a start was drawn")

    for value in graph.values.values():
        if value.initial:
            value.initial = refuse
    return graph


def test_a_model_with_weights_draws_none():
    weights = Model(plain, "cpu", seed=1).parameters.download()
    loaded = Model(partial(never_drawn, plain), "cpu", weights=weights)
    assert_same(loaded.parameters.download(), weights)
    with pytest.raises(AssertionError, match="a start was drawn"):
        Model(partial(never_drawn, plain), "cpu")


@pytest.mark.parametrize(
    ("app", "load", "build"),
    [(apps.mnist.classifier, "load_classifier", cnn6), (apps.faces.detector, "load_detector", scout)],
)
def test_a_model_of_an_app_is_loaded_without_drawing(app, load, build, monkeypatch):
    monkeypatch.setitem(app.MODELS, build.__name__, partial(never_drawn, build))
    model, _ = getattr(app, load)(app.WEIGHTS / f"{build.__name__}.safetensors", "cpu")
    assert model.name == build.__name__


def test_weights_of_another_network_are_refused():
    with pytest.raises(ParameterError, match="the network has no such parameter"):
        Model(of_any_size, "cpu", weights=Model(plain, "cpu").parameters.download())


def test_an_optimizer_belongs_to_one_model():
    optimizer = Optimizer("sgd")
    model = Model(plain, "cpu")
    model.training(2, optimizer)
    model.training(3, optimizer)
    with pytest.raises(ValueError, match="this sgd has another model already"):
        Model(plain, "cpu").training(2, optimizer)
