"""The twin in PyTorch computes the same in all forms in which benchmarks time it."""

import numpy as np
import pytest

from benchmarks.networks import FORMS, Case
from framework import Model

torch = pytest.importorskip("torch")

CASES = ("forward:cnn3:2", "train:cnn3:2", "forward:lite:1:64", "train:lite:2:64")


def computed(case, form):
    """Outputs by name, and gradients by parameter."""
    from benchmarks.torch_twin import TorchTwin

    graph, training = case.graph(), case.kind == "train"
    arrays = Model(case.build(), "cpu").parameters.download()
    twin = TorchTwin(graph, arrays, dtype=torch.float64, **FORMS[form])
    outputs = twin(case.outputs, training=training, **case.inputs(graph))
    if training:
        outputs["loss"].backward()
    gradients = {name: p.grad for name, p in twin.parameters.items() if p.grad is not None}
    return twin, {name: tensor.detach().numpy() for name, tensor in {**outputs, **gradients}.items()}


@pytest.mark.parametrize("form", list(FORMS)[1:])
@pytest.mark.parametrize("case", [Case.of(name) for name in CASES], ids=str)
def test_every_form_computes_the_same(case, form, monkeypatch):
    """Compiled ones as far as PyTorch finds one function in all nodes, as that is where it may fail; not to C++."""
    compiled = []

    def compile_(function, **how):
        compiled.append(function)
        return whole(function, backend="eager", **how)

    whole = torch.compile
    monkeypatch.setattr(torch, "compile", compile_)
    torch.compiler.reset()
    (_, expected), (twin, found) = computed(case, "contiguous"), computed(case, form)
    assert found.keys() == expected.keys()
    tiny = 1e-12 * max(np.abs(array).max() for array in expected.values())  # as of biases that batch averages take away
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-7, atol=tiny, err_msg=name)
    assert len(compiled) == ("compiled" in form)
    layouts = {p.is_contiguous(memory_format=twin.layout) for p in twin.parameters.values() if p.ndim == 4}
    assert layouts == {True}
    assert (twin.layout == torch.channels_last) == ("contiguous" not in form)


def test_pictures_begin_with_the_layout_that_was_asked_for():
    from kernels.operations.normalise.torch import planes

    x = torch.zeros((2, 5, 7, 3), dtype=torch.uint8)
    for layout in (torch.channels_last, torch.contiguous_format):
        assert planes(x, (0.5,) * 3, (1.0,) * 3, layout).is_contiguous(memory_format=layout)
