"""Where an operation runs: the arrays of a device, and how a run of an operation becomes calls that can be repeated.

cuda        CuPy arrays, CUDA kernels compiled by Numba
cpu         NumPy arrays, Numba kernels on all cores; an operation that has CUDA kernels alone is interpreted
emulate     NumPy arrays, the CUDA kernels as they are compiled for a GPU, their PTX executed by the CPU
interpret   NumPy arrays, the CUDA kernels interpreted and checked: slow, exact, anywhere
reference   NumPy arrays in float64, the equations as they stand in reference.py

Whoever runs an operation, a network, a test, the fuzzer or a benchmark, does it through here. Much more only names
a device or describes a network, so what loads Numba is imported where it is needed.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.operation import Operation, unknown

if TYPE_CHECKING:
    from kernels.gpu import Launch

DEVICES = ("cuda", "cpu", "emulate", "interpret", "reference")

# Bytes of arrays below which a call takes about as long as waking the other cores and waiting for the last of them.
SMALL = 2**18

# Bytes of pinned memory that uploads to a GPU go through, more than a batch takes; and where in it each may begin.
PINNED = 2**25
ALIGNED = 256

Call = Callable[[], Any]


class DeviceError(RuntimeError):
    """A device that does not exist here: one line that names it and says which do."""


class Device:
    """A device that computes on NumPy arrays: cpu, emulate, interpret or reference."""

    def __init__(self, name: str):
        self.name = name
        self.implementation = {"emulate": "cuda", "interpret": "cuda"}.get(name, name)

    def __repr__(self):
        return self.name

    def dtype(self, name: str) -> np.dtype:
        """The type in which this device keeps an array: the reference computes in float64 what is float32 elsewhere."""
        return np.dtype("float64" if self.name == "reference" and name == "float32" else name)

    def bytes(self, size: int):
        """An uninitialised block of memory."""
        return np.empty(size, np.uint8)

    def array(self, values, dtype: str = "float32"):
        """An array with these values, a copy of them."""
        there = self.dtype(dtype)
        array = self.bytes(np.size(values) * there.itemsize).view(there).reshape(np.shape(values))
        self.upload(array, values)
        return array

    def upload(self, array, values) -> None:
        """Copy host values into a device array."""
        array[...] = values

    def download(self, array) -> np.ndarray:
        """A copy of a device array on the host."""
        return array.copy()

    def runs(self, operation: Operation) -> str:
        """Which implementation of an operation: on the CPU the one for a GPU, interpreted, where there is no other."""
        cpu_is_missing = self.implementation == "cpu" and not operation.has("cpu") and operation.has("cuda")
        return "cuda" if cpu_is_missing else self.implementation

    def algorithm(
        self, operation: Operation, direction: str, case: Mapping[str, Any], wanted: int | str | None = None
    ) -> str:
        """The name of the rung that `bind` takes of a ladder for the CPU; "" where there is but one way, or a GPU's.

        case    arrays, or their shapes, and settings by name; None where there is none

        Raises ValueError for a rung that there is not.
        """
        if self.runs(operation) != "cpu":
            return ""
        ladder = getattr(operation.implementation("cpu"), direction)
        return ladder.choose(case, wanted).name if hasattr(ladder, "choose") else ""

    def bind(self, operation: Operation, direction: str, arguments: Mapping[str, Any], **how: Any) -> list[Call]:
        """Calls that run "forward" or "backward" of an operation on these arrays, to be made any number of times.

        arguments    device arrays and settings by name; None where there is none
        how          of CUDA kernels: rung, tiny, part, as `launches` takes them; of interpreted and of emulated ones
                     `seed`, for another order of blocks and threads, and `checked`; and of emulated ones `contracted`,
                     whether a * b + c may be one fma; of a ladder for the CPU `rung`, a number or the name of an
                     algorithm, where that rung suits these arrays, and else the next below it

        Raises ShapeError for arguments that do not fit, OperationError where the operation has no implementation for
        this device, or one with an error, and ValueError for a rung that there is not.
        """
        operation.require(direction, arguments, self.dtype("float32").name)
        kind = self.runs(operation)
        if self.name == "emulate":
            checked = how.pop("checked", False)
            contracted, seed = how.pop("contracted", True), how.pop("seed", None)
            runs = launches(operation, direction, arguments, **how)
            return [partial(launch.emulated(contracted=contracted, checked=checked), seed) for launch in runs]
        if kind == "cuda":
            checked, seed = how.pop("checked", self.name == "interpret"), how.pop("seed", None)
            runs = launches(operation, direction, arguments, **{"tiny": True, **how})
            return [lambda launch=launch: launch.interpret(checked, seed=seed) for launch in runs]  # type: ignore[misc]
        function = getattr(operation.implementation(kind), direction)
        arguments = {name: arguments[name] for name in operation.arguments(direction)}
        if hasattr(function, "choose"):  # a ladder (kernels/cpu/ladder.py)
            function = function.choose(arguments, how.get("rung")).function
        function = getattr(function, "unchecked", function)  # as it has been checked
        if sum(a.nbytes for a in arguments.values() if isinstance(a, np.ndarray)) < SMALL:
            return [lambda: _on_one_core(function, arguments)]
        return [lambda: function(**arguments)]

    def sequence(self, calls: Sequence[Call]) -> Call:
        """All calls as one, in the fastest form that the device has for a sequence that is run again and again."""
        return self.one_by_one(calls)

    def one_by_one(self, calls: Sequence[Call]) -> Call:
        """All calls as one that makes them in turn."""

        # What is too large becomes infinite and travels on without a warning; the trainer is the one who stops.
        @np.errstate(over="ignore", invalid="ignore", divide="ignore")
        def run():
            for call in calls:
                call()

        return run

    def run(self, operation: Operation, direction: str, given: Mapping[str, Any], **how: Any) -> dict[str, np.ndarray]:
        """Run "forward" or "backward" once on values of the host; returns what it writes, by name, on the host.

        given    arrays and settings by name: for "forward" inputs and state, for "backward" also outputs, saved arrays
                 and the delta-errors of outputs. They stay as they are.
        how      as in `bind`

        What shall be written starts as NaN, or as the least integer, so that what nobody writes is seen.
        """
        arguments, written = self.arguments(operation, direction, given)
        self.one_by_one(self.bind(operation, direction, arguments, **how))()
        return {name: self.download(arguments[name]) for name in written}

    def arguments(self, operation: Operation, direction: str, given: Mapping[str, Any]) -> tuple[dict, tuple[str, ...]]:
        """What `bind` takes, made of values of the host as `run` takes them, and the names of what will be written.

        Raises ShapeError.
        """
        settings = {name: given.get(name, default) for name, default in operation.settings.items()}
        shapes = {name: None if given.get(name) is None else np.shape(given[name]) for name in operation.inputs}
        shapes = operation.all_shapes(shapes, settings)
        if direction == "forward":
            read, fresh = (*operation.inputs, *operation.state), (*operation.outputs, *operation.saved)
            written = (*operation.state, *fresh)
        else:
            read = (*operation.deltas, *operation.needs)
            fresh = written = tuple(f"d{name}" for name in operation.gradients if shapes[name] is not None)
        arguments: dict[str, Any] = {**dict.fromkeys(operation.arguments(direction)), **settings}
        for name in read:
            if given.get(name) is not None:
                arguments[name] = self.array(given[name], operation.dtype(name))
        for name in fresh:
            dtype = np.dtype(operation.dtype(name))
            poison = np.nan if dtype.kind == "f" else np.iinfo(dtype).min
            shape = shapes[name if direction == "forward" else name.removeprefix("d")]
            arguments[name] = self.array(np.full(shape, poison), dtype.name)
        return arguments, written


class CudaCall:
    """A launch, bound to a stream: each call enqueues it there."""

    def __init__(self, name: str, launch: "Launch", stream):
        self.name, self.launch = f"{name}, {launch.kernel!r}", launch
        self._enqueue = launch.bound(stream.ptr)

    def __call__(self):
        self._enqueue()


class CudaDevice(Device):
    """A GPU. All is enqueued on one stream; a sequence whose kernels have run before is replayed as one CUDA graph.

    What is uploaded goes through pinned memory that the device keeps, from where the GPU fetches it while the host goes
    on. A part of it is written again only after the stream has been waited for, as each download does.
    """

    def __init__(self, capture: bool = True):
        super().__init__("cuda")
        import cupy

        self.cupy = cupy
        self.capture = capture
        self.stream = cupy.cuda.Stream(non_blocking=True)
        # Kernels, by the types of their arguments, that are compiled, loaded and have run.
        self._ran: set[tuple] = set()
        self._pinned: np.ndarray | None = None
        self._used = 0  # bytes of it that copies under way may still read

    def bytes(self, size):
        with self.stream:
            return self.cupy.empty(size, np.uint8)

    def upload(self, array, values):
        staged = self._staged(array.nbytes).view(array.dtype).reshape(array.shape)
        staged[...] = values
        array.set(staged, stream=self.stream)

    def _staged(self, size: int) -> np.ndarray:
        """Bytes of the host to upload from. What is too large for the pinned ones is copied before `set` returns."""
        if size > PINNED:
            return np.empty(size, np.uint8)
        if self._pinned is None:
            self._pinned = np.frombuffer(self.cupy.cuda.alloc_pinned_memory(PINNED), np.uint8, PINNED)
        start = -(-self._used // ALIGNED) * ALIGNED
        if start + size > PINNED:
            self.stream.synchronize()
            start = 0
        self._used = start + size
        return self._pinned[start : self._used]

    def download(self, array):
        values = array.get(stream=self.stream)  # waits for the stream, and so for all uploads
        self._used = 0
        return values

    def bind(self, operation, direction, arguments, **how):
        operation.require(direction, arguments)
        with self.stream:
            runs = launches(operation, direction, arguments, **how)
        return [CudaCall(f"{operation.name}.{direction}", launch, self.stream) for launch in runs]

    def sequence(self, calls):
        """Compiles what is not compiled, with the help of other processes.

        If all kernels have run before, the first run is captured; if not, it launches them one by one, which loads
        them, and the second is captured. Further runs are replays. Raises DeviceError where a capture fails.
        """
        from kernels.gpu.together import compile_together

        own = [call.launch for call in calls if call.launch]  # others are enqueued by libraries
        compile_together(own)
        one_by_one = self.one_by_one(calls)
        if not self.capture or not calls:
            return one_by_one
        kernels = {(launch.kernel, launch.types) for launch in own}
        graph = None

        def run():
            nonlocal graph
            if graph is None and not kernels <= self._ran:
                one_by_one()
                self._ran.update(kernels)
                return
            graph = graph or self._captured(calls)
            graph.launch(self.stream)

        return run

    def _captured(self, calls: Sequence[CudaCall]):
        """The calls as a CUDA graph, none of them run. A capture that fails is ended, so that the stream goes on."""
        name = ""
        self.stream.begin_capture()
        try:
            for call in calls:
                name = call.name
                call()
        except BaseException as error:
            with suppress(Exception):  # says only that there was an error
                self.stream.end_capture()
            if isinstance(error, Exception):
                raise DeviceError(f"{name}: cannot be captured: {_one_line(error)}") from error
            raise
        try:
            return self.stream.end_capture()
        except Exception as error:
            raise DeviceError(f"{len(calls)} launches cannot be captured as one graph: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def launches(
    operation: Operation,
    direction: str,
    arguments: Mapping[str, Any],
    rung: int | None = None,
    tiny: bool = False,
    part: str | None = None,
) -> "list[Launch]":
    """What cuda.py would launch in "forward" or "backward", not yet run.

    rung    by default the highest
    tiny    whether tiles are as small as suits an interpreter
    part    of a direction that has several ladders, the one of this name alone, such as "dx"
    """
    ladder = getattr(operation.implementation("cuda"), direction)
    if part is not None:
        (ladder,) = (each for each in ladder.parts if each.name == part)
    return ladder(**arguments, rung=rung, tiny=tiny)


def _on_one_core(function, arguments):
    from kernels.cpu.cores import one_core

    with one_core():
        function(**arguments)


def find_device(name: str = "auto") -> Device:
    """The device of that name; "auto" takes a GPU where one is found, else the CPU. Raises DeviceError."""
    if name == "auto":
        name = "cuda" if cuda_problem() is None else "cpu"
    if name not in DEVICES:
        raise DeviceError(unknown("device", name, ("auto", *DEVICES)))
    if name == "emulate":
        from kernels.gpu.compiler import compiler_problem

        if problem := compiler_problem():
            raise DeviceError(f"device emulate cannot be used: {problem}")
    if name != "cuda":
        return Device(name)
    if problem := cuda_problem():
        raise DeviceError(f"device cuda cannot be used: {problem}; choose from auto, {', '.join(DEVICES[1:])}")
    return CudaDevice()


def cuda_problem() -> str | None:
    """Why a GPU cannot be used here; None where it can."""
    from kernels.gpu.compiler import gpu_problem

    if problem := gpu_problem():
        return problem
    if importlib.util.find_spec("cupy") is None:
        return "cupy is not installed (pip install 'handwritten[cuda]')"
    return None
