"""A device on the host: on how many cores it computes."""

import contextlib

import numpy as np
import pytest

import kernels.device
from kernels.device import SMALL, Device
from kernels.operation import find_operation


@pytest.mark.parametrize(("size", "cores"), [(SMALL // 8 - 1, "one"), (SMALL // 8 + 1, "all")])
def test_small_arrays_are_computed_on_one_core_and_large_ones_on_all(size, cores, monkeypatch):
    """Of x and y of four bytes a value, SMALL counts all."""
    asked = []

    @contextlib.contextmanager
    def one_core():
        asked.append("one")
        yield

    monkeypatch.setattr(kernels.device, "one_core", one_core)
    x = np.linspace(-1, 1, size, dtype=np.float32)
    y = Device("cpu").run(find_operation("activation"), "forward", {"x": x, "function": "relu"})["y"]
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    assert asked == (["one"] if cores == "one" else [])
