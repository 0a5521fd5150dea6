"""The spec of an operation: all that a graph, a test or the command line needs to know about it.

An operation is a folder in kernels/operations, or in one that was added to it: see there. Its `__init__.py` holds one
`Operation` named `operation`; beside it stand `reference.py`, `cpu.py` and `cuda.py` with the same two functions:

    forward(*inputs, *state, *outputs, *saved, *settings)
    backward(d + first output, *needs, *[d + gradient], *settings)

in the order in which the spec lists the names, all callable by keyword. The first output alone takes a delta-error:
whoever reads another one takes it for a constant. Arrays are C-contiguous and never empty;
`Operation.require` refuses others. Outputs and delta-errors (gradients) are set, never accumulated: adding where a
value fans out is the graph's work. A delta-error that nobody wants is passed as None. In reference.py and cpu.py the
functions compute, and in cpu.py they may be ladders that are called like functions (kernels/cpu/ladder.py); in cuda.py
they are ladders, which return launches: what to run, not yet run. kernels/device.py runs all of them.

What PyTorch calls the same thing may stand in `torch.py`: `forward(*inputs, *state, *settings)`, which takes tensors
and returns the output, or a tuple of them. Autograd does the rest. Tests hold the reference to it.
"""

import importlib
import inspect
import math
import pkgutil
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from kernels.modules import PACKAGE, OperationError, exists, is_folder, load

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

IMPLEMENTATIONS = ("reference", "cpu", "cuda")

# Values that break kernels, in the order in which a failing case shrinks; kernels/bench/fuzz.py makes them.
HARD = ("ties", "zeros", "denormal", "tiny", "huge", "infinite", "nan")


class ShapeError(ValueError):
    """Arrays or settings that do not fit together. One line: the operation, what was given, the rule."""


class UnknownOperation(OperationError):
    """A name that no operation has. One line: the name, and those that there are."""


class Draw(Protocol):
    """Where a test case gets its choices from: a random generator, or Hypothesis."""

    def integer(self, low: int, high: int) -> int:
        """An integer, both ends included."""

    def choice(self, options: tuple) -> Any:
        """One of the options."""


class RandomDraw:
    """Choices from a NumPy generator."""

    def __init__(self, generator: np.random.Generator):
        self.generator = generator

    def integer(self, low, high):
        return int(self.generator.integers(low, high, endpoint=True))

    def choice(self, options):
        return options[self.integer(0, len(options) - 1)]


def normal(generator, shape):
    """Values as they stand in a network: around zero, of size one."""
    return generator.standard_normal(shape)


@dataclass(frozen=True)
class Operation:
    """One operation. Raises nothing itself; `shapes` raises ShapeError for arrays that do not fit.

    name        its folder
    summary     one plain sentence
    source      author (year) and the numbers of its equations
    modules     where it has no folder: what stands for its files by their names, each with `forward` and `backward`
    inputs      arrays that are read
    state       arrays that forward reads and updates in place (running averages, momentum)
    outputs     arrays that forward writes; the first alone takes a delta-error
    saved       arrays that forward writes for backward only
    summed      outputs that are sums over a batch: of devices that share it, each has a part
    settings    names and default values of what is not an array
    optional    inputs that may be None
    gradients   inputs that receive a delta-error; empty where there is no backward
    needs       forward arrays that backward reads
    shapes      (shapes of inputs and settings by name) -> shapes of state, outputs and saved
    flops       (shapes of inputs and settings by name) -> floating-point operations of forward, of backward;
                a multiply-add counts as two, a comparison, exponential or root as one
    case        (draw) -> shapes of inputs, and settings, of one test case
    typical     one case of the size that networks here have: what is timed and inspected unless something else is asked
    values      how to draw the values of an input, of state or of an output's delta-error, where not `normal`:
                (generator, shape) -> array
    hard        which hard values an input stands, of those in HARD; unless said, all where it is drawn from `normal`,
                and none where `values` keeps it to a domain
    skips       (settings) -> whether kernels may skip products with 0, so that an infinity among them is lost
    dtypes      of arrays that are not float32
    training    the setting that says whether the network learns; whoever runs a network sets it
    rates       of an optimizer, whose input `rate` it fills: (learning rate, step from 0, settings) -> values
    view        whether the output is the input under another shape, so that nothing needs to run
    tolerance   relative error allowed to float32: |got - reference| / |reference|, both as vectors
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    shapes: Callable[..., Shapes]
    summary: str = ""
    source: str = ""
    flops: Callable[..., tuple[int, int]] = lambda **_: (0, 0)
    case: Callable[[Draw], dict[str, Any]] = lambda draw: {}
    modules: Mapping[str, Any] = field(default_factory=dict)
    typical: Mapping[str, Any] = field(default_factory=dict)
    state: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    summed: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    values: Mapping[str, Callable] = field(default_factory=dict)
    hard: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skips: Callable[..., bool] = lambda **settings: False
    dtypes: Mapping[str, str] = field(default_factory=dict)
    training: str | None = None
    rates: Callable[..., tuple[float, ...]] | None = None
    view: bool = False
    tolerance: float = 1e-5

    @property
    def forward_arrays(self) -> tuple[str, ...]:
        return self.inputs + self.state + self.outputs + self.saved

    @property
    def deltas(self) -> tuple[str, ...]:
        """Of an operation with a backward, the delta-errors that it reads: that of its first output."""
        return tuple(f"d{name}" for name in self.outputs[:1])

    @property
    def backward_arrays(self) -> tuple[str, ...]:
        return self.deltas + self.needs + tuple(f"d{i}" for i in self.gradients)

    @property
    def directions(self) -> tuple[str, ...]:
        return ("forward", "backward") if self.gradients else ("forward",)

    def dtype(self, name: str) -> str:
        """Of an array, or of its delta-error."""
        return self.dtypes.get(name, "float32")

    def hard_values(self, name: str) -> tuple[str, ...]:
        """Which of HARD an input, or the delta-error of an output, stands."""
        open_to_any = name not in self.values and self.dtype(name) == "float32"
        return self.hard.get(name, HARD if open_to_any else ())

    def has(self, kind: str) -> bool:
        """Whether there is an implementation: kind is one of IMPLEMENTATIONS, or "torch"."""
        if self.modules:
            return kind in self.modules
        return exists(f"{self.name}.{kind}")

    def implementation(self, kind: str):
        """What has `forward` and `backward`: kind is one of IMPLEMENTATIONS; or "torch", see above.

        Raises OperationError for one that there is not, that cannot be imported or that lacks one of the two.
        """
        if not self.has(kind):
            others = [other for other in IMPLEMENTATIONS if self.has(other)]
            raise OperationError(f"{self.name}: has no {kind}.py, only {', '.join(others) or 'a spec'}")
        found = self.modules[kind] if self.modules else load(f"{self.name}.{kind}")
        for direction in self.directions if kind in IMPLEMENTATIONS else ("forward",):
            if not hasattr(found, direction):
                raise OperationError(f"{self.name}: {kind}.py has no {direction}")
        return found

    def in_torch(self) -> Callable | None:
        """`forward` of torch.py, which imports torch; None where there is no such file."""
        return self.implementation("torch").forward if self.has("torch") else None

    def arguments(self, direction: str) -> tuple[str, ...]:
        """Names of the arguments of "forward" or "backward", the same in all implementations.

        Backward takes those settings that one of its implementations uses, and those on which shapes depend, so the
        signature is asked, if there is one.
        """
        if not self.has("reference"):
            arrays = self.forward_arrays if direction == "forward" else self.backward_arrays
            return (*arrays, *self.settings)
        return tuple(inspect.signature(getattr(self.implementation("reference"), direction)).parameters)

    def all_shapes(self, shapes: Mapping[str, Shape | None], settings: Mapping[str, Any]) -> dict[str, Shape | None]:
        """The shapes of inputs, which are given, and of state, outputs and saved arrays, which follow from them.

        Raises ShapeError, for arrays that do not fit and for empty ones, in which there is nothing to compute.
        """
        found = {**shapes, **self.shapes(**shapes, **settings)}
        for name, shape in found.items():
            if shape is not None and 0 in shape:
                raise ShapeError(f"{self.name}: {name} {shape} must have sizes of at least 1")
        return found

    def require(self, direction: str, arguments: Mapping[str, Any], floats: str = "float32") -> None:
        """Refuse arguments that are not what "forward" or "backward" takes: a kernel would write somewhere else.

        arguments    arrays and settings by name: all that `arguments` lists
        floats       the type in which a device keeps float32

        Raises ShapeError for an array that is missing, not C-contiguous, or of another type or shape. Backward may not
        tell the shape of an input, which it does not read and whose delta-error nobody wants; shapes then are not seen.
        """
        optional = {*self.optional, *(f"d{name}" for name in self.gradients if direction == "backward")}
        given = {}
        for name in self.arguments(direction):
            value = arguments.get(name)
            if name not in arguments or (value is None and name not in {*optional, *self.settings}):
                raise ShapeError(f"{self.name}: {direction} needs {name}")
            if name not in self.settings and value is not None:
                given[name] = self._fitting(name, value, floats)
        inputs = {name: given.get(name) for name in self.inputs}
        if direction == "backward":
            inputs = {name: given.get(f"d{name}") if shape is None else shape for name, shape in inputs.items()}
        if any(shape is None and name not in self.optional for name, shape in inputs.items()):
            return
        settings = {name: arguments.get(name, default) for name, default in self.settings.items()}
        expected = self.all_shapes(inputs, settings)
        for name, shape in given.items():
            wanted = expected[name if name in expected else name.removeprefix("d")]
            if shape != wanted:
                raise ShapeError(f"{self.name}: {name} {shape} must be {wanted}")

    def _fitting(self, name: str, array: Any, floats: str) -> Shape:
        """The shape of an array, as `require` wants arrays to be."""
        if not hasattr(array, "flags"):
            raise ShapeError(f"{self.name}: {name} must be an array, not {type(array).__name__}")
        dtype = self.dtypes.get(name, floats)
        if array.dtype != dtype:
            raise ShapeError(f"{self.name}: {name} must be {dtype}, not {array.dtype}")
        if not array.flags.c_contiguous:
            raise ShapeError(f"{self.name}: {name} must be C-contiguous")
        return array.shape

    def bytes(self, direction: str, shapes: Mapping[str, Shape | None]) -> int:
        """The fewest bytes a run of "forward" or "backward" moves: each array once, state twice."""
        names = self.forward_arrays + self.state if direction == "forward" else self.backward_arrays
        total = 0
        for name in names:
            shape = shapes.get(name, shapes.get(name.removeprefix("d")))
            if shape is not None:
                total += math.prod(shape) * np.dtype(self.dtype(name)).itemsize
        return total


def all_operations() -> dict[str, Operation]:
    """Every operation by name. One that cannot be used is left out, with a warning that says why."""
    found = {}
    folders = importlib.import_module(PACKAGE).__path__
    for name in sorted(module.name for module in pkgutil.iter_modules(folders) if module.ispkg):
        try:
            found[name] = find_operation(name)
        except OperationError as error:
            left_out(error)
    return found


def left_out(error: OperationError) -> None:
    """Warn of an operation that cannot be used, where others can."""
    warnings.warn(f"left out: {error}", stacklevel=2)


_instead: dict[str, Operation] = {}


def put(operation: Operation) -> None:
    """Put an operation in the place of the one of its name, for all who find it by its name in this process."""
    _instead[operation.name] = operation


def take_back(name: str) -> None:
    """Undo `put`."""
    _instead.pop(name, None)


def find_operation(name: str) -> Operation:
    """The operation of that name. Raises UnknownOperation, and OperationError where it cannot be used."""
    if name in _instead:
        return _instead[name]
    if not is_folder(name):
        raise UnknownOperation(unknown("operation", name, all_operations()))
    module = load(name)
    operation = getattr(module, "operation", None)
    if not isinstance(operation, Operation):
        raise OperationError(f"{name}: {module.__file__}: has no Operation that is named operation")
    if operation.name != name:
        raise OperationError(f"{name}: {module.__file__}: its operation is named {operation.name!r}, unlike its folder")
    return operation


def unknown(what: str, given: Any, options: Iterable) -> str:
    """The line that an error says where something is none of its options."""
    return f"unknown {what} {given!r}; choose from {', '.join(map(str, options))}"


def window_output(name: str, size: Shape, window: Shape, stride: Shape, padding: Shape) -> Shape:
    """Rows and columns that a sliding window gives: Zozoulenko (2018), eq. 20-21 and 31-32, rounded down.

    All arguments are pairs (rows, columns). Raises ShapeError, in the name of the operation `name`.
    """
    require_pairs(name, window=window, stride=stride, padding=padding)
    if min(window) < 1 or min(stride) < 1 or min(padding) < 0:
        raise ShapeError(
            f"{name}: window {window} and stride {stride} must be at least 1, padding {padding} at least 0"
        )
    if any(s + 2 * p < k for s, k, p in zip(size, window, padding, strict=True)):
        raise ShapeError(f"{name}: window {window} does not fit into input {size} with padding {padding}")
    rows, columns = ((s + 2 * p - k) // step + 1 for s, k, step, p in zip(size, window, stride, padding, strict=True))
    return rows, columns


def require_pairs(name: str, **settings: Any) -> None:
    """Raises ShapeError, in the name of the operation `name`, where a setting is not (rows, columns)."""
    for setting, value in settings.items():
        if not isinstance(value, Sequence) or len(value) != 2:
            raise ShapeError(f"{name}: {setting} {value} must be a pair (rows, columns)")


def require_choice(name: str, setting: str, value: Any, options) -> None:
    """Raises ShapeError, in the name of the operation `name`, where a setting is none of its allowed values."""
    if value not in options:
        raise ShapeError(f"{name}: {unknown(setting, value, options)}")


def require_axes(name: str, axes: str, **shapes: Shape) -> None:
    """Raises ShapeError where an array does not have the axes "R, C, ...", whose sizes are at least 1."""
    count = axes.count(",") + 1
    sizes = f"{count} size{'s' * (count > 1)} ({axes})"
    for array, shape in shapes.items():
        if len(shape) != count or min(shape) < 1:
            raise ShapeError(f"{name}: {array} {shape} must have {sizes} of at least 1")


def require_same_shape(name: str, **shapes: Shape) -> None:
    """Raises ShapeError where arrays differ in shape."""
    if len(set(shapes.values())) > 1:
        given = " and ".join(f"{array} {shape}" for array, shape in shapes.items())
        raise ShapeError(f"{name}: {given} must have the same shape")


def require_shape(name: str, expected: Shape, **shapes: Shape) -> None:
    """Raises ShapeError where an array does not have the expected shape."""
    for array, shape in shapes.items():
        if shape != expected:
            raise ShapeError(f"{name}: {array} {shape} must be {expected}")
