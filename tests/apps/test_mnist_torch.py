"""A whole network's weights go to PyTorch and come back: the same names but for those of layers, the same shapes."""

import numpy as np
import pytest

from apps.mnist.classifier import WEIGHTS, load_classifier
from apps.mnist.models import MODELS
from framework import Model
from framework.parameters import ParameterError

torch = pytest.importorskip("torch")
nn = torch.nn


def cnn6():
    layers = []
    for channels in (1, 32, 32, 32, 32, 32):
        layers += [nn.BatchNorm2d(channels), nn.Conv2d(channels, 32, 5), nn.ReLU()]
    layers += [nn.Flatten(), nn.BatchNorm1d(512), nn.Linear(512, 1024), nn.ReLU()]
    return nn.Sequential(*layers, nn.BatchNorm1d(1024), nn.Linear(1024, 10))


def fcc6():
    layers = [nn.Flatten()]
    for _ in range(6):
        layers += [nn.BatchNorm1d(784), nn.Linear(784, 784), nn.ReLU()]
    return nn.Sequential(*layers, nn.BatchNorm1d(784), nn.Linear(784, 10))


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
        nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


TWINS = {"cnn6": cnn6, "fcc6": fcc6, "lenet5": lenet5}
KINDS = {"batchnorm": (nn.BatchNorm1d, nn.BatchNorm2d), "conv2d": nn.Conv2d, "linear": nn.Linear}
every_network = pytest.mark.parametrize("name", TWINS)


def layer_names(module):
    """PyTorch's name of each layer, "0", "1" ..., by ours: those of a kind are counted."""
    names = {}
    for kind, classes in KINDS.items():
        of_kind = [name for name, layer in module.named_children() if isinstance(layer, classes)]
        names |= {f"{kind}_{i + 1}": name for i, name in enumerate(of_kind)}
    return names


def renamed(arrays, layers):
    """Arrays by name with other names of layers: conv2d_1.weight becomes 1.weight."""
    return {f"{layers[layer]}.{rest}": array for (layer, rest), array in ((n.split("."), a) for n, a in arrays.items())}


def is_counter(name):
    """PyTorch's batch normalization counts its batches, for a kind of average that nobody here takes."""
    return name.endswith("num_batches_tracked")


def drawn(arrays):
    """Random values of these shapes, of a size that keeps activations theirs. Variances are positive."""
    generator = np.random.default_rng(0)
    return {
        name: np.float32(generator.standard_normal(a.shape) / np.sqrt(max(a[0].size, 1)))
        if not name.endswith("running_var")
        else np.float32(0.5 + generator.random(a.shape))
        for name, a in arrays.items()
    }


def assert_same_outputs(model, module):
    image = np.random.default_rng(1).integers(0, 256, (3, 28, 28, 1), np.uint8)
    ours = model.inference(3)(image=image)["probabilities"]
    with torch.no_grad():
        logits = module.double().eval()(torch.tensor(image.transpose(0, 3, 1, 2) / 255))
    assert np.ptp(ours, axis=0).max() > 0.001  # the pictures are told apart: there is something to compare
    np.testing.assert_allclose(ours, logits.softmax(1).numpy(), rtol=1e-6, atol=1e-9)


@every_network
def test_pytorch_loads_our_weights_and_computes_what_we_do(name):
    model, module = Model(MODELS[name], "reference"), TWINS[name]()
    model.parameters.upload(drawn(model.parameters.download()))
    state = renamed(model.parameters.download(), layer_names(module))
    keys = module.load_state_dict({n: torch.tensor(a) for n, a in state.items()}, strict=False)
    assert not keys.unexpected_keys
    assert all(map(is_counter, keys.missing_keys))
    assert_same_outputs(model, module)


@every_network
def test_we_load_pytorchs_weights_and_compute_what_it_does(name):
    module = TWINS[name]()
    state = drawn({n: a.numpy() for n, a in module.state_dict().items() if not is_counter(n)})
    module.load_state_dict({n: torch.tensor(a) for n, a in state.items()}, strict=False)
    layers = {theirs: ours for ours, theirs in layer_names(module).items()}
    arrays = {n: a.numpy() for n, a in module.state_dict().items() if not is_counter(n)}
    assert_same_outputs(Model(MODELS[name], "reference", weights=renamed(arrays, layers)), module)


def test_pytorch_reads_the_digits_with_the_weights_that_ship():
    model, _ = load_classifier(WEIGHTS / "cnn6.safetensors", "reference")
    module = cnn6()
    state = renamed(model.parameters.download(), layer_names(module))
    module.load_state_dict({n: torch.tensor(a) for n, a in state.items()}, strict=False)
    assert_same_outputs(model, module)


@every_network
def test_weights_that_stand_the_other_way_round_are_refused_by_shape(name):
    """As files had them once: (inputs, units). The last layer of each network is not square."""
    arrays = Model(MODELS[name], "cpu").parameters.download()
    turned = {n: a.T if a.ndim == 2 else a for n, a in arrays.items()}
    with pytest.raises(ParameterError, match=r"^linear_\d.weight: has shape \(\d+, \d+\), the network needs"):
        Model(MODELS[name], "cpu", weights=turned)
