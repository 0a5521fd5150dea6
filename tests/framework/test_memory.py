"""Memory that a run needs, added up before: it is what arrays then take, and what limits leave."""

import resource
from types import SimpleNamespace

import numpy as np
import pytest

from framework import Model, Optimizer, memory
from framework.averages import Averages
from kernels.device import Device
from tests.helpers.networks import of_any_size, plain


class Counting(Device):
    """A CPU that counts the bytes that it is asked for."""

    def __init__(self):
        super().__init__("cpu")
        self.taken = 0

    def bytes(self, size):
        self.taken += size
        return np.empty(size, np.uint8)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("network", [plain, of_any_size])
def test_what_is_said_is_what_is_then_asked_for(network, optimizer):
    device = Counting()
    model = Model(network, device)
    assert device.taken == memory.of_model(model)
    builds = [{"size": 8}, {"size": 16}] if network is of_any_size else [{}]
    said = memory.of_training(model, Optimizer(optimizer), 8, builds=builds)
    looking = memory.of_looking(model, 5, ("probabilities",), **builds[-1])
    device.taken, made = 0, Optimizer(optimizer)
    for build in builds:
        model.training(8, made, **build)
    assert 0 <= device.taken - said < 100  # the rate and the norm
    device.taken = 0
    Averages(model.parameters, 0.9)
    assert 0 <= device.taken - memory.of_averages(model) < 100  # the rate
    device.taken = 0
    model.inference(5, ("probabilities",), **builds[-1])
    assert device.taken == looking


def test_a_run_that_does_not_fit_is_refused_with_the_figure(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * 10**9)
    assert memory.require(10**9, 0, Device("cpu")) == "1.3 GB needed, 2.0 GB free"
    assert memory.require(2 * 10**9, 5 * 10**8, Device("cpu")) == "2.3 GB needed, 2.5 GB free"
    with pytest.raises(MemoryError, match=r"^memory of cpu: 2\.3 GB needed, 2\.0 GB free; a smaller batch"):
        memory.require(2 * 10**9, 0, Device("cpu"))


def test_sizes_are_said_in_words():
    assert [memory.in_words(n) for n in (0, 66e6, 999e6, 1e9, 23.46e9)] == [
        "0 MB",
        "66 MB",
        "999 MB",
        "1.0 GB",
        "23.5 GB",
    ]


def test_the_system_says_what_is_available(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 100 kB\nMemFree: 7 kB\nMemAvailable: 50 kB\n")
    assert list(memory._of_system(tmp_path / "meminfo")) == [50 * 1024]
    assert list(memory._of_system(tmp_path / "none")) == []


def group(folder, **numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for name, number in numbers.items():
        (folder / f"memory.{name}").write_text(f"{number}\n")


def test_control_groups_leave_what_they_and_those_around_them_allow(tmp_path):
    group(tmp_path / "two/a/b", max=1000, current=300, stat="anon 5\ninactive_file 40")
    group(tmp_path / "two/a", max="max", current=300)
    group(tmp_path / "two", max=900, current=450)
    (tmp_path / "own").write_text("0::/a/b\n")
    assert list(memory._of_groups(tmp_path / "own", tmp_path / "two")) == [740, 450]
    group(tmp_path / "one/memory/a", limit_in_bytes=500, usage_in_bytes=100)
    (tmp_path / "own").write_text("4:memory:/a\n3:cpu,cpuacct:/a\n")
    assert list(memory._of_groups(tmp_path / "own", tmp_path / "one")) == [400]


def test_a_limit_on_addresses_counts(monkeypatch):
    free = memory.free_bytes(Device("cpu"))
    assert 0 < free < 2**50
    limit = 2**40
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limit, limit))
    ((left),) = memory._of_limits()
    assert 0 < left < limit - memory.SPARE


def test_a_gpu_is_asked_for_what_is_free():
    from kernels.device import CudaDevice

    device = CudaDevice.__new__(CudaDevice)
    pool = SimpleNamespace(free_bytes=lambda: 30)
    runtime = SimpleNamespace(memGetInfo=lambda: (100, 500))
    device.cupy = SimpleNamespace(cuda=SimpleNamespace(runtime=runtime), get_default_memory_pool=lambda: pool)
    assert memory.free_bytes(device) == 130
