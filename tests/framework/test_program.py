"""Whole networks: their gradients against calculus and PyTorch, on every device, however memory is laid out."""

import tracemalloc

import numpy as np
import pytest

from apps.mnist.models import MODELS
from framework import GraphError, Model, Optimizer
from tests.helpers.checks import assert_same
from tests.helpers.networks import batch_for, grouped, plain, pyramid, regression, residual, twice

NETWORKS = {"plain": plain, "residual": residual, "twice": twice, "grouped": grouped, "pyramid": pyramid}


def gradients(build, device, batch=4, **options):
    model = Model(build, device)
    program = model.training(batch, **options)
    results = program(**batch_for(program))
    return results, model.parameters.gradients.download()


@pytest.mark.parametrize("build", [*NETWORKS.values(), *MODELS.values()], ids=lambda build: build.__name__)
def test_gradients_are_the_derivatives_of_the_loss(build):
    """A directional derivative through all parameters, by central differences in float64 (eq. 13).

    Four examples: of two, batch normalization makes nearly -1 and 1, a step that a difference does not follow.
    """
    model = Model(build, "reference")
    program = model.training(4)
    inputs = batch_for(program)
    weights = model.parameters.weights.array
    program(**inputs)
    gradient, start = model.parameters.gradients.array.copy(), weights.copy()
    direction = np.random.default_rng(1).standard_normal(weights.shape)
    direction /= np.linalg.norm(direction)
    step = 1e-6
    weights[:] = start + step * direction
    above = program(**inputs)["loss"][0]
    weights[:] = start - step * direction
    below = program(**inputs)["loss"][0]
    numeric, analytic = (above - below) / (2 * step), gradient @ direction
    assert abs(numeric - analytic) <= 1e-6 * max(1, np.linalg.norm(gradient))


def test_the_norm_is_that_of_all_gradients():
    results, found = gradients(residual, "cpu")
    np.testing.assert_allclose(
        results["norm"][0], np.sqrt(sum((g.astype(float) ** 2).sum() for g in found.values())), rtol=1e-6
    )


def test_what_a_run_returned_stays_when_it_runs_again():
    program = Model(plain, "cpu").training(4, outputs=("loss", "probabilities"))
    first = program(**batch_for(program, seed=0))
    kept = {name: array.copy() for name, array in first.items()}
    program(**batch_for(program, seed=1))
    for name, array in first.items():
        np.testing.assert_array_equal(array, kept[name], err_msg=name)


@pytest.mark.parametrize("device", ["cpu", "interpret", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_every_device_computes_the_same_step(build, device):
    expected, expected_gradients = gradients(build, "reference")
    got, got_gradients = gradients(build, device)
    np.testing.assert_allclose(got["loss"], expected["loss"], rtol=1e-5)
    np.testing.assert_allclose(got["norm"], expected["norm"], rtol=1e-4)
    scale = float(expected["norm"][0])
    for name, gradient in expected_gradients.items():
        np.testing.assert_allclose(got_gradients[name], gradient, rtol=1e-3, atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize("build", [*NETWORKS.values(), MODELS["lenet5"]], ids=lambda build: build.__name__)
def test_sharing_memory_changes_no_bit(build):
    shared, shared_gradients = gradients(build, "cpu")
    apart, apart_gradients = gradients(build, "cpu", reuse=False)
    assert shared["loss"] == apart["loss"]
    assert_same(shared_gradients, apart_gradients)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_the_same_seed_gives_the_same_bits(device):
    def weights():
        model = Model(plain, device, seed=3)
        optimizer = Optimizer("sgd", momentum=0.9)
        program = model.training(5, optimizer)
        for step in range(4):
            optimizer.set_rate(0.1, step)
            program(**batch_for(program, seed=step))
        return model.parameters.weights.download()

    assert_same(weights(), weights())


def test_another_seed_starts_elsewhere():
    one, two = (Model(plain, "cpu", seed=s).parameters.weights.download() for s in (1, 2))
    assert not np.array_equal(one["conv2d_1.weight"], two["conv2d_1.weight"])


def test_a_regression_has_the_gradients_worked_out_by_hand():
    """Mean squared error of a linear layer: Zozoulenko (2018), eq. 8, 16, 17."""
    model = Model(regression, "reference")
    program = model.training(5, outputs=("loss", "y"))
    inputs = batch_for(program)
    inputs["target"] = np.random.default_rng(2).standard_normal((5, 2))
    results = program(**inputs)
    dy = 2 / (5 * 2) * (results["y"] - inputs["target"])
    np.testing.assert_allclose(results["loss"][0], ((results["y"] - inputs["target"]) ** 2).mean())
    got = model.parameters.gradients.download()
    np.testing.assert_allclose(got["fit.weight"], dy.T @ inputs["x"], rtol=1e-6)
    np.testing.assert_allclose(got["fit.bias"], dy.sum(axis=0), rtol=1e-6)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_gradients_equal_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    from benchmarks.torch_twin import TorchTwin

    model = Model(MODELS[name], "reference")
    model.parameters.upload(model.parameters.download())  # rounded to float32, as PyTorch gets them
    program = model.training(8)
    inputs = batch_for(program)
    results = program(**inputs)
    twin = TorchTwin(program.graph, model.parameters.download(), dtype=torch.float64)
    loss = twin(**inputs)["loss"]
    loss.backward()
    np.testing.assert_allclose(results["loss"][0], loss.item(), rtol=1e-9)
    for parameter, gradient in model.parameters.gradients.download().items():
        expected = twin.parameters[parameter].grad.numpy()
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7, err_msg=parameter)


def test_inference_uses_running_averages_and_leaves_them_alone():
    model = Model(plain, "cpu")
    program = model.inference(3)
    before = model.parameters.states.download()
    first = program(image=np.full((3, 1, 8, 8), 0.5))["probabilities"]
    np.testing.assert_allclose(first.sum(axis=1), 1, rtol=1e-6)
    for name, array in model.parameters.states.download().items():
        np.testing.assert_array_equal(array, before[name])


def test_an_input_of_another_shape_is_refused_by_name():
    program = Model(plain, "cpu").inference(3)
    with pytest.raises(GraphError, match=r"image: has shape \(2, 1, 8, 8\), plain needs \(3, 1, 8, 8\)"):
        program(image=np.zeros((2, 1, 8, 8)))


def test_a_missing_input_is_refused():
    program = Model(plain, "cpu").training(3)
    with pytest.raises(GraphError, match="plain takes image, target, given image"):
        program(image=np.zeros((3, 1, 8, 8)))


def test_an_unknown_output_is_refused_with_the_known_ones():
    with pytest.raises(GraphError, match=r"unknown output 'logits'; choose from probabilities, losses, loss"):
        Model(plain, "cpu").inference(1, outputs=("logits",))


def test_fractions_are_refused_where_bytes_are_needed():
    """They would be cut off: digits from 0 to 1 would all be black."""
    program = Model(MODELS["pooled"], "cpu").inference(2)
    with pytest.raises(GraphError, match="image: holds float64, pooled needs uint8"):
        program(image=np.full((2, 28, 28, 1), 0.5))


def test_a_program_says_which_algorithms_its_steps_take_and_takes_those_it_is_told():
    model = Model(plain, "cpu", seed=3)
    program = model.training(4)
    assert program.algorithms["linear_1 forward"] == "few"
    assert not any(key.startswith("loss ") for key in program.algorithms)
    told = model.training(4, algorithms={"linear_1 forward": "loops"})
    assert told.algorithms == program.algorithms | {"linear_1 forward": "loops"}
    with pytest.raises(GraphError, match=r"^linear_1: forward: unknown rung 'magic'; choose from 1 \(loops\), 2"):
        model.training(4, algorithms={"linear_1 forward": "magic"})
    assert Model(plain, "reference").training(4).algorithms == {}


@pytest.mark.parametrize("name", ["cnn6", "lenet5", "fcc6"])
def test_a_step_makes_no_array_of_the_size_of_its_own(name):
    """What comes and goes in a step is tables and views, less than one map of 50 digits: arrays stay where they are."""
    optimizer = Optimizer("sgd", momentum=0.9)
    program = Model(MODELS[name], "cpu").training(50, optimizer)
    optimizer.set_rate(0.01, 0)
    inputs = batch_for(program)
    for _ in range(3):
        program(**inputs)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        program(**inputs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 50 * 28 * 28 * 4
