"""The order of work on a CUDA device, rehearsed with a stand-in for CuPy whose kernels are interpreted.

What only hardware can show is in tests/gpu/test_on_gpu.py. Here: arrays are laid out and copied as on a GPU, the first
run launches, the second is captured and executes nothing by itself, all further ones are replays.
"""

import sys
import types

import numpy as np
import pytest

from framework import Model, Optimizer
from kernels.device import CudaDevice
from kernels.gpu import Launch
from tests.framework.networks import plain
from tests.framework.test_program import batch_for


class StandIn(np.ndarray):
    """A NumPy array with CuPy's two ways across."""

    def set(self, values, stream):
        self[...] = values

    def get(self, stream):
        return np.array(self)


class Stream:
    """Enqueued calls run at once, or are recorded while a graph is captured."""

    ptr = 0
    current: "Stream | None" = None

    def __init__(self, non_blocking):
        self.recording = None
        self.launched = self.replayed = 0

    def __enter__(self):
        Stream.current = self

    def __exit__(self, *_):
        pass

    def enqueue(self, call):
        if self.recording is None:
            self.launched += 1
            call()
        else:
            self.recording.append(call)

    def begin_capture(self):
        self.recording = []

    def end_capture(self):
        calls, self.recording = self.recording, None

        def launch(stream):
            stream.replayed += 1
            for call in calls:
                call()

        return types.SimpleNamespace(launch=launch)


@pytest.fixture
def cuda(monkeypatch):
    def empty(shape, dtype="float32"):
        return np.empty(shape, dtype).view(StandIn)

    cupy = types.SimpleNamespace(empty=empty, cuda=types.SimpleNamespace(Stream=Stream))
    monkeypatch.setitem(sys.modules, "cupy", cupy)

    def bound(launch, _):
        return lambda: Stream.current.enqueue(lambda: launch.interpret(checked=False))

    monkeypatch.setattr(Launch, "bound", bound)
    return CudaDevice


def train(device, steps=4):
    model = Model(plain, device, seed=2)
    optimizer = Optimizer("adam")
    program = model.training(2, optimizer)
    losses = []
    for step in range(steps):
        optimizer.set_rate(0.01, step)
        losses.append(program(**batch_for(program, seed=step))["loss"][0])
    return np.array(losses), model


def test_a_run_is_launched_once_then_captured_then_replayed(cuda):
    device = cuda(capture=True)
    train(device, steps=4)
    calls = device.stream.launched
    assert calls > 20
    assert device.stream.replayed == 3
    train(device, steps=1)
    assert device.stream.launched == 2 * calls


def test_captured_and_uncaptured_training_are_equal_and_near_the_cpu(cuda):
    captured, _ = train(cuda(capture=True))
    launched, _ = train(cuda(capture=False))
    on_cpu, _ = train("cpu")
    np.testing.assert_array_equal(captured, launched)
    np.testing.assert_allclose(captured, on_cpu, rtol=1e-3)
