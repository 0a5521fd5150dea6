"""Sums over GPUs by NCCL, rehearsed with stand-ins for it and for CuPy: nothing of this has run on GPUs yet.

The other rank is a twin, which has the same examples: a sum over both is twice one's own. So both together compute what
one rank does of all examples twice.
"""

import ctypes
import types

import numpy as np
import pytest

from framework import Model, Optimizer
from framework.nccl import Nccl
from tests.framework.test_cuda_device import Event, StandIn, Stream, cuda
from tests.helpers.networks import batch_for, plain
from tests.helpers.ranks import OverNccl

__all__ = ["cuda"]  # a fixture

KINDS = {7: ctypes.c_float, 8: ctypes.c_double, 2: ctypes.c_int32}


class Forked(Stream):
    """A stream that others may join in a capture, through an event, and must leave before it ends."""

    def begin_capture(self):
        super().begin_capture()
        self.joined = []

    def end_capture(self):
        assert all(other.left for other in self.joined), "a stream that joined the capture was not waited for"
        for other in self.joined:
            other.recording = None
        return super().end_capture()

    def wait_event(self, event):
        if event.stream.recording is not None and self.recording is None:
            self.recording, self.left = event.stream.recording, False
            event.stream.joined.append(self)
        elif self.recording is not None:
            event.stream.left = True
        else:
            self.enqueue(event.stream.synchronize)


class Communicator:
    """Adds the twin's part, which is the same."""

    def __init__(self, size, key, rank):
        assert (size, rank, key) == (2, 0, (1, 2, 3))

    def allReduce(self, part, total, count, kind, operation, stream):
        assert operation == 0

        def add_up():
            arrays = [np.ctypeslib.as_array((KINDS[kind] * count).from_address(place)) for place in (part, total)]
            arrays[1][:] = 2 * arrays[0]

        Stream.by_pointer[stream].enqueue(add_up)


@pytest.fixture
def gpu(cuda, monkeypatch):
    """A CUDA device of rank 0."""
    import cupy

    nccl = types.SimpleNamespace(NCCL_FLOAT32=7, NCCL_FLOAT64=8, NCCL_INT32=2, NCCL_SUM=0)
    nccl.NcclCommunicator, nccl.groupStart, nccl.groupEnd = Communicator, lambda: None, lambda: None
    for name, value in {"nccl": nccl, "Stream": Forked, "Event": lambda disable_timing=False: Event()}.items():
        monkeypatch.setattr(cupy.cuda, name, value, raising=False)
    monkeypatch.setitem(__import__("sys").modules, "cupy.cuda", cupy.cuda)
    pointer = property(lambda self: types.SimpleNamespace(ptr=self.ctypes.data))
    monkeypatch.setattr(StandIn, "data", pointer, raising=False)
    return cuda(capture=True)


class Twin(OverNccl):
    """Rank 0 of two that have the same examples."""

    rank, size = 0, 2

    def __init__(self, device):
        super().__init__(Nccl(device, 0, 2, [1, 2, 3]))

    def total(self, values):
        return 2 * np.asarray(values, np.float64)


def trained(device, ranks, batch, bucket=None, steps=4):
    model, optimizer = Model(plain, device, seed=2), Optimizer("sgd")
    program = model.training(batch, optimizer, ranks=ranks, bucket=bucket)
    half, losses = batch_for(Model(plain, "cpu").training(2)), []
    for step in range(steps):
        optimizer.set_rate(0.01, step)
        inputs = half if ranks else {name: np.concatenate([values, values]) for name, values in half.items()}
        losses.append(program(**inputs)["loss"][0])
    return losses, model.parameters.download()


@pytest.mark.parametrize("bucket", [None, 1, 200])
def test_two_gpus_compute_what_one_does_of_the_whole_batch_within_a_captured_graph(gpu, bucket):
    expected, weights = trained("interpret", None, 4)
    losses, found = trained(gpu, Twin(gpu), 4, bucket)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for name, array in found.items():
        np.testing.assert_allclose(array, weights[name], atol=1e-5, err_msg=name)
    assert (gpu.stream.captured, gpu.stream.replayed) == (1, 3)


def test_what_is_started_runs_beside_and_is_waited_for(gpu):
    nccl = Nccl(gpu, 0, 2, [1, 2, 3])
    array = gpu.array([1.0, 2.0])
    nccl.started(array)()
    np.testing.assert_array_equal(gpu.download(array), [1, 2])  # the sum is on a stream of its own
    nccl.finished()()
    np.testing.assert_array_equal(gpu.download(array), [2, 4])
