"""Kernels of a user's own in the place of an operation's: found by all who look for it, and checked before they run."""

import numpy as np
import pytest

from apps.mnist.__main__ import main
from framework import Graph, Model, Optimizer, layers
from kernels.bench.instead import put_instead
from kernels.bench.loading import FileError
from kernels.bench.trial import Trial
from kernels.gpu.interpreter import KernelError
from kernels.operation import UnknownOperation, find_operation, take_back

HALVED = """
from kernels.gpu import cuda, float32, kernel


@kernel
def half(x, y):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = float32(0.5) * x[i]


def forward(x, y, function):
    return [half[-(-x.size // 64), 64](x.reshape(-1), y.reshape(-1))]
"""


@pytest.fixture
def file(tmp_path):
    """Writes a file of an operation's name, and puts what it has in its place, until the test is over."""
    put = []

    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        put.append(put_instead(path))
        return put[-1]

    yield write
    for operation in put:
        take_back(operation.name)


@pytest.mark.parametrize("name", ["activation.py", "07_activation.py"])
@pytest.mark.parametrize("device", ["cpu", "interpret", "emulate"])
def test_all_who_look_for_the_operation_get_the_users_kernels(file, name, device):
    file(name, HALVED)
    trial = Trial.of_arrays(find_operation("activation"), x=np.arange(5, dtype=np.float32))
    assert trial.forward(device)["y"].tolist() == [0, 0.5, 1, 1.5, 2]


def test_what_the_file_lacks_stays_ours(file):
    ours = find_operation("activation")
    mine = file("activation.py", HALVED)
    assert mine.implementation("cpu").backward is ours.implementation("cpu").backward
    assert mine.implementation("cuda").backward is ours.implementation("cuda").backward
    assert mine.implementation("reference") is ours.implementation("reference")


def test_a_network_learns_on_them_as_on_ours(file):
    def network(batch):
        x = Graph("small").input("x", (batch, 6))
        layers.softmax_classifier(layers.relu(layers.linear(x, 4)))
        return x.graph

    def losses():
        model, optimizer = Model(network, "cpu"), Optimizer("sgd")
        step = model.training(3, optimizer)
        x = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
        found = []
        for number in range(4):
            optimizer.set_rate(0.1, number)
            found.append(float(step(x=x, target=np.eye(4, dtype=np.float32)[:3])["loss"][0]))
        return found

    ours = losses()
    relu = HALVED.replace("float32(0.5) * x[i]", "max(x[i], float32(0))")
    file("activation.py", relu)
    assert np.allclose(losses(), ours, rtol=1e-5)


def test_an_index_outside_its_array_is_an_error_and_not_the_end(file):
    operation = file("activation.py", HALVED.replace("x[i]\n", "x[i + 1]\n"))
    with pytest.raises(KernelError, match="out of bounds"):
        Trial.of_arrays(operation, x=np.zeros(5, np.float32)).forward("cpu")


@pytest.mark.parametrize(
    ("name", "text", "kind", "said"),
    [
        ("nothing.py", HALVED, UnknownOperation, "unknown operation 'nothing'"),
        ("linear.py", "x = 1\n", FileError, "has no forward and no backward"),
        ("linear.py", "forward = 3\n", FileError, "forward is no ladder, and no function"),
        ("linear.py", "1 / 0\n", FileError, "ZeroDivisionError"),
    ],
)
def test_what_cannot_be_put_there_is_one_line(tmp_path, name, text, kind, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(kind, match=said):
        put_instead(path)


def test_digits_are_trained_on_them_and_a_resumed_run_goes_on_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "activation.py").write_text(HALVED.replace("float32(0.5) * x[i]", "max(x[i], float32(0))"))
    words = ["train", "--model", "pooled", "--data", "builtin", "--batch-size", "2", "--output", "run"]
    try:
        assert main([*words, "--iterations", "2", "--with", "activation.py"]) == 0
        assert f"with    {tmp_path / 'activation.py'} in the place of activation" in capsys.readouterr().out
        take_back("activation")
        assert main(["train", "--resume", "run", "--iterations", "3"]) == 0
        assert "in the place of activation" in capsys.readouterr().out
    finally:
        take_back("activation")


def test_a_file_that_is_not_there_is_one_line(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--with", "nowhere/conv2d.py"])
    assert "argument --with: 'nowhere/conv2d.py' is no file" in capsys.readouterr().err
