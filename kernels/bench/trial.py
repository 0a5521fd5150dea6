"""One operation tried on one set of arrays: what tests, fuzzing and profiling have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.gpu import Ladder, Launch
from kernels.operation import Draw, Operation, normal

# What stands in an array before it is written. A value that stays is a value that nobody wrote.
POISON_FLOAT = np.nan
POISON_INT = -(2**31)


@dataclass
class Trial:
    """Arrays and settings for one run of an operation, forward and backward."""

    operation: Operation
    shapes: dict[str, Any]
    settings: dict[str, Any]
    arrays: dict[str, np.ndarray | None]

    @classmethod
    def draw(cls, operation: Operation, draw: Draw, generator: np.random.Generator, smooth: bool = False) -> "Trial":
        """A case that `draw` chooses, with values from `generator`.

        Some cases have inputs with ties, or with many zeros, unless all must be `smooth`: away from kinks.
        """
        trial = cls.of_shape(operation, operation.case(draw), generator)
        kind = "plain" if smooth else draw.choice(("plain", "ties", "zeros"))
        for name in operation.inputs:
            values = trial.arrays[name]
            if values is not None and name not in operation.values and kind != "plain":
                values[...] = np.round(values) if kind == "ties" else values * (generator.random(values.shape) < 0.5)
        return trial

    @classmethod
    def of_shape(cls, operation: Operation, case: dict[str, Any], generator: np.random.Generator) -> "Trial":
        """A case whose shapes and settings are given. Raises ShapeError."""
        settings = {name: case.get(name, default) for name, default in operation.settings.items()}
        shapes = {name: case.get(name) for name in operation.inputs}
        shapes |= operation.shapes(**shapes, **settings)
        trial = cls(operation, shapes, settings, {})
        for name in (*operation.inputs, *operation.state):
            values = operation.values.get(name, normal)
            trial.arrays[name] = None if shapes[name] is None else trial._typed(name, values(generator, shapes[name]))
        for name in operation.outputs:
            if operation.gradients:
                trial.arrays[f"d{name}"] = trial._typed(name, normal(generator, shapes[name]))
        return trial

    @classmethod
    def of_arrays(cls, operation: Operation, settings: Mapping[str, Any] | None = None, **arrays) -> "Trial":
        """A case with given inputs, and state and delta-errors of outputs where they are given. Raises ShapeError."""
        case = {name: np.shape(arrays[name]) for name in operation.inputs if arrays.get(name) is not None}
        trial = cls.of_shape(operation, {**case, **(settings or {})}, np.random.default_rng(0))
        for name, values in arrays.items():
            trial.arrays[name] = None if values is None else trial._typed(name, values)
        return trial

    def _typed(self, name, values):
        return np.ascontiguousarray(values, dtype=self.operation.dtypes.get(name, "float32"))

    def forward(self, kind: str, **options) -> dict[str, np.ndarray]:
        """State, outputs and saved arrays as `kind` computes them. The trial's own arrays stay as they are."""
        operation = self.operation
        arrays = self._forward_arrays(kind)
        self._run(kind, "forward", arrays, options)
        return {name: arrays[name] for name in (*operation.state, *operation.outputs, *operation.saved)}

    def backward(self, kind: str, forward: dict[str, np.ndarray], **options) -> dict[str, np.ndarray]:
        """Delta-errors of all gradients as `kind` computes them, given what a forward run returned."""
        arrays = self._backward_arrays(kind, forward)
        self._run(kind, "backward", arrays, options)
        gradients = {f"d{name}": arrays[f"d{name}"] for name in self.operation.gradients}
        return {name: array for name, array in gradients.items() if array is not None}

    def launches(
        self, direction: str, rung: int | None = None, tiny: bool = False, ladder: Ladder | None = None
    ) -> list[Launch]:
        """What a rung of cuda.py would launch in "forward" or "backward", to be compiled or looked at.

        With `ladder`, what that one launches: a part of the direction's own, such as dx of a backward.
        """
        arrays = self._forward_arrays("cuda")
        if direction == "backward":
            arrays = self._backward_arrays("cuda", arrays)
        function = ladder if ladder is not None else getattr(self.operation.implementation("cuda"), direction)
        return function(**self._arguments("cuda", direction, arrays), rung=rung, tiny=tiny)

    def arguments(self, kind: str, direction: str) -> dict[str, Any]:
        """Arrays and settings to call `kind`'s "forward" or "backward" with, as often as one likes: to be timed."""
        arrays = self._forward_arrays(kind)
        if direction == "backward":
            arrays = self._backward_arrays(kind, self.forward("cpu"))
        return self._arguments(kind, direction, arrays)

    def _forward_arrays(self, kind):
        arrays = dict(self.arrays)
        for name in self.operation.state:
            arrays[name] = self._in_precision_of(kind, arrays[name], copy=True)
        for name in (*self.operation.outputs, *self.operation.saved):
            arrays[name] = self._poisoned(kind, name)
        return arrays

    def _backward_arrays(self, kind, forward):
        arrays = {**self.arrays, **forward}
        for name in self.operation.gradients:
            arrays[f"d{name}"] = None if self.shapes[name] is None else self._poisoned(kind, name)
        return arrays

    def _poisoned(self, kind, name):
        dtype = np.dtype(self.operation.dtypes.get(name, "float32"))
        poison = np.full(self.shapes[name], POISON_FLOAT if dtype.kind == "f" else POISON_INT, dtype)
        return self._in_precision_of(kind, poison)

    def _in_precision_of(self, kind, array, copy=False):
        """The reference computes in float64, everything else in float32."""
        if kind == "reference" and array is not None and array.dtype == np.float32:
            return array.astype(np.float64)
        return array.copy() if copy else array

    def _arguments(self, kind, direction, arrays):
        given = {**arrays, **self.settings}
        arguments = {name: given[name] for name in self.operation.arguments(direction)}
        return {n: self._in_precision_of(kind, v) if n in arrays else v for n, v in arguments.items()}

    def _run(self, kind, direction, arrays, options):
        module = self.operation.implementation("cuda" if kind == "interpret" else kind)
        function = getattr(module, direction)
        arguments = self._arguments(kind, direction, arrays)
        if kind in ("reference", "cpu"):
            function(**arguments)
            return
        tiles = {"rung": options.get("rung"), "tiny": options.get("tiny", kind == "interpret")}
        if kind == "interpret":
            for launch in function(**arguments, **tiles):
                launch.interpret(checked=options.get("checked", True))
        else:
            _run_on_gpu(function, arguments, tiles)


def _run_on_gpu(function, arguments, tiles):
    """Copy all arrays to the GPU, run the launches, and copy all arrays back."""
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        there = {n: cupy.asarray(v) for n, v in arguments.items() if isinstance(v, np.ndarray)}
        for launch in function(**{**arguments, **there}, **tiles):
            launch.bound(stream.ptr)()
        for name, array in there.items():
            arguments[name][...] = array.get(stream=stream)
