"""Where a graph runs: its arrays, and how a call of an operation becomes something that can be run again and again.

cuda        CuPy arrays, CUDA kernels compiled by Numba
cpu         NumPy arrays, Numba kernels on all cores
interpret   NumPy arrays, the CUDA kernels interpreted and checked: slow, exact, anywhere
reference   NumPy arrays in float64, the equations as they stand in reference.py
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kernels.cpu.cores import one_core
from kernels.gpu import gpu_is_available
from kernels.operation import Operation

NAMES = ("cuda", "cpu", "interpret", "reference")

# Bytes of arrays below which a call takes about as long as waking the other cores and waiting for the last of them.
SMALL = 2**18

Call = Callable[[], Any]


class DeviceError(RuntimeError):
    """A device that does not exist here: one line that names it and says which do."""


class Device:
    """A device that computes on NumPy arrays: cpu, interpret or reference."""

    def __init__(self, name: str):
        self.name = name
        self.implementation = {"interpret": "cuda"}.get(name, name)

    def __repr__(self):
        return self.name

    def dtype(self, name: str) -> np.dtype:
        """The type in which this device keeps an array of the graph: the reference computes in float64."""
        return np.dtype("float64" if self.name == "reference" and name == "float32" else name)

    def bytes(self, size: int):
        """An uninitialised block of memory."""
        return np.empty(size, np.uint8)

    def upload(self, array, values) -> None:
        """Copy host values into a device array."""
        array[...] = values

    def download(self, array) -> np.ndarray:
        """A copy of a device array on the host."""
        return array.copy()

    def bind(self, operation: Operation, direction: str, arguments: dict[str, Any]) -> list[Call]:
        """Calls that run "forward" or "backward" of an operation on these arrays, to be made any number of times."""
        function = getattr(operation.implementation(self.implementation), direction)
        if self.name == "interpret":
            return [launch.interpret for launch in function(**arguments, tiny=True)]
        if sum(a.nbytes for a in arguments.values() if isinstance(a, np.ndarray)) < SMALL:
            return [lambda: _on_one_core(function, arguments)]
        return [lambda: function(**arguments)]

    def sequence(self, calls: Sequence[Call]) -> Call:
        """All calls as one."""

        # What is too large becomes infinite and travels on without a warning; the trainer is the one who stops.
        @np.errstate(over="ignore", invalid="ignore", divide="ignore")
        def run():
            for call in calls:
                call()

        return run


class CudaDevice(Device):
    """A GPU. Everything is enqueued on one stream; a sequence, once run, is captured and replayed as one CUDA graph."""

    def __init__(self, capture: bool = True):
        super().__init__("cuda")
        import cupy

        self.cupy = cupy
        self.capture = capture
        self.stream = cupy.cuda.Stream(non_blocking=True)

    def bytes(self, size):
        with self.stream:
            return self.cupy.empty(size, np.uint8)

    def upload(self, array, values):
        array.set(np.ascontiguousarray(values, dtype=array.dtype), stream=self.stream)

    def download(self, array):
        return array.get(stream=self.stream)

    def bind(self, operation, direction, arguments):
        with self.stream:
            launches = getattr(operation.implementation("cuda"), direction)(**arguments)
        return [launch.bound(self.stream.ptr) for launch in launches]

    def sequence(self, calls):
        """The first run compiles and runs each kernel; the second is captured; the others are replays."""
        one_by_one = super().sequence(calls)
        if not self.capture:
            return one_by_one
        state: dict[str, Any] = {"runs": 0}

        def run():
            state["runs"] += 1
            if state["runs"] == 1:
                one_by_one()
                return
            if state["runs"] == 2:
                self.stream.begin_capture()
                one_by_one()
                state["graph"] = self.stream.end_capture()
            state["graph"].launch(self.stream)

        return run


def _on_one_core(function, arguments):
    with one_core():
        function(**arguments)


def find_device(name: str = "auto") -> Device:
    """The device of that name; "auto" takes a GPU where one is found, else the CPU. Raises DeviceError."""
    if name == "auto":
        name = "cuda" if _cuda_problem() is None else "cpu"
    if name not in NAMES:
        raise DeviceError(f"device: {name!r} is none, choose from auto, {', '.join(NAMES)}")
    if name != "cuda":
        return Device(name)
    if problem := _cuda_problem():
        raise DeviceError(f"device: cuda cannot be used: {problem}; choose from auto, cpu, interpret, reference")
    return CudaDevice()


def _cuda_problem() -> str | None:
    if not gpu_is_available():
        return "no GPU or no driver was found"
    try:
        import cupy  # noqa: F401
    except ImportError:
        return "cupy is not installed (pip install 'handwritten[cuda]')"
    return None
