"""Whole detectors: loss, gradients of all parameters and detections against calculus, PyTorch and another device."""

from functools import partial

import numpy as np
import pytest

from apps.faces.matching import MATCHINGS
from apps.faces.models import MODELS
from framework import Model
from tests.helpers.noise import SIZES, batch

PARTS = ("loss", "classification", "regression")


def trained(name, device, **options):
    """A model and its training program for two pictures, after a run; inputs and results."""
    # With this seed no value of lite is so close to the kink of a ReLU that rounding alone puts it on the other side.
    model = Model(partial(MODELS[name], **options), device, seed=7)
    model.parameters.upload(model.parameters.download())  # rounded to float32, as all others get them
    program = model.training(2, outputs=PARTS, size=SIZES[name])
    inputs = batch(2, SIZES[name])
    results = program(**inputs)
    assert results["regression"] > 0, "no anchor has a face: half of the network would not be tested"
    return model, program, inputs, results


@pytest.mark.parametrize(
    ("name", "options"),
    [("scout", {}), ("lite", {}), ("facenet", {}), ("facenet", {"frozen": True}), ("faceresnet", {})],
    ids=["scout", "lite", "facenet", "facenet-frozen", "faceresnet"],
)
def test_gradients_equal_those_of_pytorch(name, options):
    torch = pytest.importorskip("torch")
    from benchmarks.torch_twin import TorchTwin

    model, program, inputs, results = trained(name, "reference", **options)
    twin = TorchTwin(program.graph, model.parameters.download(), dtype=torch.float64)
    expected = twin(PARTS, **inputs)
    expected["loss"].backward()
    for part in PARTS:
        np.testing.assert_allclose(results[part][0], expected[part].item(), rtol=1e-9, err_msg=part)
    for parameter, gradient in model.parameters.gradients.download().items():
        other = twin.parameters[parameter].grad.numpy()
        np.testing.assert_allclose(gradient, other, rtol=1e-6, atol=1e-6 * np.abs(other).max(), err_msg=parameter)


@pytest.mark.parametrize("matching", MATCHINGS)
def test_detections_equal_those_of_pytorch(matching):
    """Boxes and scores before non-maximum suppression, which PyTorch does not have."""
    torch = pytest.importorskip("torch")
    from benchmarks.torch_twin import TorchTwin

    model = Model(partial(MODELS["lite"], matching=MATCHINGS[matching]), "reference")
    model.parameters.upload(model.parameters.download())
    program = model.inference(2, outputs=("boxes", "scores"), size=(65, 97))
    image = batch(2, (65, 97))["image"]
    twin = TorchTwin(program.graph, model.parameters.download(), dtype=torch.float64)
    with torch.no_grad():
        expected = twin(("boxes", "scores"), training=False, image=image)
    for name, array in program(image=image).items():
        np.testing.assert_allclose(array, expected[name].numpy(), rtol=1e-6, atol=1e-6, err_msg=name)


def test_gradients_are_the_derivatives_of_the_loss():
    """A directional derivative through all parameters of lite, by central differences in float64 (eq. 13)."""
    model, program, inputs, _ = trained("lite", "reference")
    weights = model.parameters.weights.array
    gradient, start = model.parameters.gradients.array.copy(), weights.copy()
    direction = np.random.default_rng(1).standard_normal(weights.shape)
    direction /= np.linalg.norm(direction)
    step = 1e-6
    weights[:] = start + step * direction
    above = program(**inputs)["loss"][0]
    weights[:] = start - step * direction
    below = program(**inputs)["loss"][0]
    assert abs((above - below) / (2 * step) - gradient @ direction) <= 1e-5 * np.linalg.norm(gradient)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_another_device_computes_the_same_step(device):
    model, _, _, results = trained("lite", device)
    expected_model, _, _, expected = trained("lite", "reference")
    for part in (*PARTS, "norm"):
        np.testing.assert_allclose(results[part], expected[part], rtol=1e-4, err_msg=part)
    gradients = model.parameters.gradients.download()
    for parameter, gradient in expected_model.parameters.gradients.download().items():
        got, scale = gradients[parameter], np.abs(gradient).max()
        np.testing.assert_allclose(got, gradient, rtol=1e-3, atol=1e-4 * scale, err_msg=parameter)
