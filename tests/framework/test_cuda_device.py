"""The order of work on a CUDA device, rehearsed with a stand-in for CuPy whose kernels are interpreted.

What only hardware can show is in tests/gpu/test_on_gpu.py. Here: arrays are laid out and copied as on a GPU, the first
run launches, unless all of its kernels have run before; the next is captured and executes nothing by itself; all
further ones are replays. Copies to the device are made as late as they can be: when the host waits for the stream.
"""

import json
import sys
import time
import types
from typing import ClassVar

import numpy as np
import pytest

import kernels.commands.profile
import kernels.device
import kernels.gpu.together
from framework import Model, Optimizer
from framework.profile import profile
from kernels.__main__ import main
from kernels.bench import timing
from kernels.device import PINNED, CudaDevice, DeviceError
from kernels.gpu import Launch
from tests.helpers.networks import batch_for, plain, regression

PINNED_BLOCKS: list[np.ndarray] = []


class StandIn(np.ndarray):
    """A NumPy array with CuPy's two ways across."""

    def set(self, values, stream):
        assert values.shape == self.shape
        assert values.dtype == self.dtype
        assert values.flags.c_contiguous
        if not any(np.shares_memory(values, pinned) for pinned in PINNED_BLOCKS):
            values = values.copy()  # pageable memory is read before this returns
        stream.enqueue(lambda: np.copyto(self, values))

    def get(self, stream):
        stream.synchronize()
        return np.array(self)

    def fill(self, value):
        Stream.entered[-1].enqueue(lambda: np.ndarray.fill(self, value))


class Stream:
    """Enqueued calls run when the stream is waited for, or are recorded while a graph is captured."""

    by_pointer: ClassVar[dict[int, "Stream"]] = {}
    entered: ClassVar[list["Stream"]] = []

    def __init__(self, non_blocking):
        self.ptr = len(self.by_pointer)
        self.by_pointer[self.ptr] = self
        self.recording = None
        self.waiting = []
        self.launched = self.captured = self.replayed = self.waited = 0

    def __enter__(self):
        self.entered.append(self)

    def __exit__(self, *_):
        self.entered.pop()

    def enqueue(self, call):
        (self.waiting if self.recording is None else self.recording).append(call)

    def launch(self, call):
        self.launched += self.recording is None
        self.enqueue(call)

    def synchronize(self):
        assert self.recording is None, "a stream that is captured cannot be waited for"
        self.waited += 1
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()

    def begin_capture(self):
        assert self.recording is None, "the stream is being captured already"
        self.recording = []
        self.captured += 1

    def end_capture(self):
        calls, self.recording = self.recording, None

        def launch(stream):
            stream.replayed += 1
            for call in calls:
                stream.enqueue(call)

        return types.SimpleNamespace(launch=launch)


class Event:
    """Notes the time when it is its turn."""

    def record(self, stream):
        self.stream, self.time = stream, None
        stream.enqueue(lambda: setattr(self, "time", time.perf_counter()))

    def synchronize(self):
        self.stream.synchronize()


def enqueued(function):
    """A function of CuPy's, which runs when it is its turn on the stream that was entered."""
    return lambda *args, **named: Stream.entered[-1].enqueue(lambda: function(*args, **named))


@pytest.fixture
def cuda(monkeypatch):
    def empty(shape, dtype="float32"):
        return np.empty(shape, dtype).view(StandIn)

    def alloc_pinned_memory(size):
        PINNED_BLOCKS.append(np.empty(size, np.uint8))
        return PINNED_BLOCKS[-1].data

    cuda = types.SimpleNamespace(
        Stream=Stream,
        Event=Event,
        alloc_pinned_memory=alloc_pinned_memory,
        get_elapsed_time=lambda start, stop: (stop.time - start.time) * 1e3,
        Device=lambda: types.SimpleNamespace(id=0),
        runtime=types.SimpleNamespace(getDeviceProperties=lambda _: {"name": b"a stand-in", "l2CacheSize": 2**10}),
    )
    copyto, matmul = enqueued(np.copyto), enqueued(np.matmul)
    monkeypatch.setitem(
        sys.modules, "cupy", types.SimpleNamespace(empty=empty, copyto=copyto, matmul=matmul, cuda=cuda)
    )

    def bound(launch, pointer):
        return lambda: Stream.by_pointer[pointer].launch(lambda: launch.interpret(checked=False))

    monkeypatch.setattr(Launch, "bound", bound)
    monkeypatch.setattr(kernels.gpu.together, "compile_together", lambda launches: list(launches))
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
    assert device.stream.launched > 20
    assert (device.stream.captured, device.stream.replayed) == (1, 3)


def test_a_sequence_whose_kernels_have_run_before_is_captured_in_its_first_run(cuda):
    """As for a second picture size: nothing is launched call by call."""
    device = cuda(capture=True)
    train(device, steps=2)
    calls = device.stream.launched
    train(device, steps=1)
    assert device.stream.launched == calls
    assert (device.stream.captured, device.stream.replayed) == (2, 2)


def test_kernels_that_another_device_ran_are_launched_first(cuda):
    train(cuda(capture=True), steps=2)
    other = cuda(capture=True)
    train(other, steps=1)
    assert (other.stream.captured, other.stream.launched > 20) == (0, True)


def test_captured_and_uncaptured_training_are_equal_and_near_the_cpu(cuda):
    captured, _ = train(cuda(capture=True))
    launched, _ = train(cuda(capture=False))
    on_cpu, _ = train("cpu")
    np.testing.assert_array_equal(captured, launched)
    np.testing.assert_allclose(captured, on_cpu, rtol=1e-3)


def test_all_kernels_of_a_sequence_are_compiled_together(cuda, monkeypatch):
    asked = []
    monkeypatch.setattr(kernels.gpu.together, "compile_together", lambda launches: asked.append(list(launches)))
    _, model = train(cuda(capture=True), steps=1)
    program = model.training(2)
    assert [launch.kernel.name for launch in asked[-1]] == [
        call.launch.kernel.name for _, calls in program.calls for call in calls
    ]


@pytest.mark.parametrize("ends", ["well", "with an error of its own"])
def test_an_error_while_a_step_is_captured_ends_the_capture_and_is_named(cuda, monkeypatch, ends):
    device = cuda(capture=True)
    model = Model(plain, device, seed=2)
    program = model.training(2)
    inputs = batch_for(program, seed=0)
    expected = program(**inputs)["loss"]
    call = next(call for _, calls in program.calls for call in calls if "softmax" in call.name)

    def fail():
        raise RuntimeError("cudaErrorStreamCaptureUnsupported:\n  not permitted")

    def end_badly():
        end()
        raise RuntimeError("cudaErrorStreamCaptureInvalidated")

    end = device.stream.end_capture
    with monkeypatch.context() as patch:
        patch.setattr(call, "_enqueue", fail)
        if ends != "well":
            patch.setattr(device.stream, "end_capture", end_badly)
        with pytest.raises(
            DeviceError, match=r"^softmax\w*\.\w+, \w+\(.*\): cannot be captured: RuntimeError: cuda"
        ) as error:
            program(**inputs)
    assert len(str(error.value).splitlines()) == 1
    assert device.stream.recording is None
    np.testing.assert_array_equal(program(**inputs)["loss"], expected)
    assert device.stream.replayed == 1


def test_a_capture_that_cannot_be_ended_is_one_line(cuda, monkeypatch):
    device = cuda(capture=True)
    program = Model(plain, device, seed=2).training(2)
    inputs = batch_for(program, seed=0)
    program(**inputs)

    def invalid():
        raise RuntimeError("cudaErrorStreamCaptureInvalidated: operation failed")

    monkeypatch.setattr(device.stream, "end_capture", invalid)
    with pytest.raises(DeviceError, match=r"^\d+ launches cannot be captured as one graph: RuntimeError: cuda"):
        program(**inputs)


def test_what_is_uploaded_passes_through_pinned_memory_and_arrives_whole(cuda):
    """More than fits: before memory is written again, the copies that read it have been made."""
    device = cuda()
    size = PINNED // 5
    arrays = [device.bytes(size) for _ in range(12)]
    for number, array in enumerate(arrays):
        device.upload(array, np.full(size, number, np.uint8))
    assert device.stream.waited == 2
    for number, array in enumerate(arrays):
        assert set(np.unique(device.download(array))) == {number}


def test_a_download_frees_the_pinned_memory(cuda):
    device = cuda()
    array = device.bytes(PINNED // 2)
    for number in range(6):
        device.upload(array, np.full(array.shape, number, np.uint8))
        assert device.download(array)[-1] == number
    assert device.stream.waited == 6  # by the downloads alone


def test_what_is_larger_than_the_pinned_memory_is_uploaded_too(cuda):
    device = cuda()
    array = device.bytes(PINNED + 1)
    values = np.arange(PINNED + 1).astype(np.uint8)
    device.upload(array, values)
    np.testing.assert_array_equal(device.download(array), values)


def test_values_are_converted_and_repeated_as_they_are_uploaded(cuda):
    device = cuda()
    array = device.array(np.zeros((2, 3)), "float32")
    device.upload(array, 7)
    np.testing.assert_array_equal(device.download(array), np.full((2, 3), 7, np.float32))
    device.upload(array, np.arange(3.0)[::-1])
    np.testing.assert_array_equal(device.download(array), np.float32([[2, 1, 0], [2, 1, 0]]))


@pytest.fixture
def small_machine(monkeypatch):
    """What a profile copies and multiplies to know the machine is small here."""
    monkeypatch.setattr(timing, "COPY_BYTES", 2**10)
    monkeypatch.setattr(timing, "GEMM_SIZE", 8)


def test_every_rung_is_profiled(cuda, small_machine, monkeypatch, tmp_path, capsys):
    compiled = []
    monkeypatch.setattr(kernels.commands.profile, "compile_together", compiled.extend)
    monkeypatch.setattr(kernels.device, "cuda_problem", lambda: None)
    words = ["softmax", "--shape", "x=2,3", "--device", "cuda", "--rung", "all", "--seconds", "0.01"]
    path = tmp_path / "kernels.json"
    assert main(["profile", *words, "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert found["machines"][0]["name"] == "a stand-in"
    assert found["machines"][0]["bandwidth"] > 0 < found["machines"][0]["rate"]
    rows = [(row["kernel"], row["rung"]) for row in found["kernels"]]
    assert rows == [(f"softmax.{way}", rung) for way in ("forward", "backward") for rung in (1, 2, 3, 4)]
    assert len(compiled) == len(rows)
    assert all(row["median"] > 0 for row in found["kernels"])
    assert capsys.readouterr().out.startswith("a stand-in: copies ")


def test_a_kernel_that_fails_is_told_of_and_the_others_are_timed(cuda, small_machine, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(kernels.commands.profile, "compile_together", lambda launches: 0)
    monkeypatch.setattr(kernels.device, "cuda_problem", lambda: None)
    bound = Launch.bound

    def refuses(launch, pointer):
        if "backward" in launch.kernel.name:
            raise RuntimeError("the linker\nis unhappy")
        return bound(launch, pointer)

    monkeypatch.setattr(Launch, "bound", refuses)
    words = ["softmax", "--shape", "x=2,3", "--device", "cuda", "--seconds", "0.01"]
    path = tmp_path / "kernels.json"
    assert main(["profile", *words, "--json", str(path)]) == 1
    assert [row["kernel"] for row in json.loads(path.read_text())["kernels"]] == ["softmax.forward"]
    said = capsys.readouterr().err
    assert said == "note    softmax.backward is not timed, RuntimeError: the linker is unhappy\n"


def test_a_network_is_profiled_call_by_call_captured_and_launched(cuda):
    program = Model(regression, cuda(), seed=2).training(2)
    inputs = {"x": np.ones((2, 3), np.float32), "target": np.ones((2, 2), np.float32)}
    found = profile(program, 0.01, **inputs)
    assert len(found["calls"]) == len(program.calls)
    assert found["step"]["median"] > 0 < found["launched"]["median"]
