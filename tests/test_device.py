"""A device on the host: on how many cores it computes."""

import contextlib

import numpy as np
import pytest
from cuda.pathfinder import DynamicLibNotFoundError

import kernels.cpu.cores
import kernels.device
from kernels.device import SMALL, Device, DeviceError, find_device
from kernels.gpu import compiler
from kernels.operation import find_operation

WANTED = ("emulate", "reference")


@pytest.mark.parametrize(("size", "cores"), [(SMALL // 8 - 1, "one"), (SMALL // 8 + 1, "all")])
def test_small_arrays_are_computed_on_one_core_and_large_ones_on_all(size, cores, monkeypatch):
    """Of x and y of four bytes a value, SMALL counts all."""
    asked = []

    @contextlib.contextmanager
    def one_core():
        asked.append("one")
        yield

    monkeypatch.setattr(kernels.cpu.cores, "one_core", one_core)
    x = np.linspace(-1, 1, size, dtype=np.float32)
    y = Device("cpu").run(find_operation("activation"), "forward", {"x": x, "function": "relu"})["y"]
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    assert asked == (["one"] if cores == "one" else [])


def test_where_nothing_compiles_kernels_the_device_emulate_is_refused_in_one_line(monkeypatch):
    def nothing_found():
        raise DynamicLibNotFoundError("Failure finding libnvvm.so:\n  No such file")

    monkeypatch.setattr(compiler.cuda.cudadrv.nvvm, "NVVM", nothing_found)
    with pytest.raises(DeviceError, match=r"^device emulate cannot be used: no compiler here: .*\)$"):
        find_device("emulate")


def test_an_emulated_operation_computes_what_the_reference_does():
    x = np.linspace(-3, 3, 33, dtype=np.float32).reshape(3, 11)
    got, expected = (
        find_device(d).run(find_operation("softmax"), "forward", {"x": x})["y"] for d in ("emulate", "reference")
    )
    np.testing.assert_allclose(got, expected, rtol=1e-6)
