"""One operation tried on one set of arrays: what tests, fuzzing and profiling have in common."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.device import Device, find_device, launches
from kernels.operation import Draw, Operation, ShapeError, normal


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
        if missing := [n for n in operation.inputs if case.get(n) is None and n not in operation.optional]:
            raise ShapeError(f"{operation.name}: needs {', '.join(missing)}")
        settings = {name: case.get(name, default) for name, default in operation.settings.items()}
        shapes = {name: case.get(name) for name in operation.inputs}
        shapes = operation.all_shapes(shapes, settings)
        trial = cls(operation, shapes, settings, {})
        for name in (*operation.inputs, *operation.state):
            values = operation.values.get(name, normal)
            trial.arrays[name] = None if shapes[name] is None else trial._typed(name, values(generator, shapes[name]))
        for name in operation.deltas if operation.gradients else ():
            values = operation.values.get(name, normal)
            trial.arrays[name] = trial._typed(name, values(generator, shapes[name.removeprefix("d")]))
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
        return np.ascontiguousarray(values, dtype=self.operation.dtype(name))

    def forward(self, device: str, **how) -> dict[str, np.ndarray]:
        """State, outputs and saved arrays as `device` computes them; `how` as in Device.bind.

        The trial's own arrays stay as they are.
        """
        return _device(device).run(self.operation, "forward", {**self.arrays, **self.settings}, **how)

    def backward(self, device: str, forward: dict[str, np.ndarray], **how) -> dict[str, np.ndarray]:
        """Delta-errors of all gradients as `device` computes them, given what a forward run returned."""
        return _device(device).run(self.operation, "backward", {**self.arrays, **self.settings, **forward}, **how)

    def arguments(self, device: Device, direction: str) -> dict[str, Any]:
        """What Device.bind takes to run "forward" or "backward" as often as one likes: to be timed, or looked at."""
        given = {**self.arrays, **self.settings}
        if direction == "backward":
            given |= self.forward("cuda" if device.name == "cuda" else "cpu")
        arguments, _ = device.arguments(self.operation, direction, given)
        return arguments

    def launches(self, direction: str, rung: int | None = None, tiny: bool = False, part: str | None = None):
        """What cuda.py would launch, to be compiled: see kernels.device.launches. What a forward run leaves for
        backward is there, but nobody has computed it."""
        host, given = Device("interpret"), {**self.arrays, **self.settings}
        if direction == "backward":
            given |= host.arguments(self.operation, "forward", given)[0]
        arguments, _ = host.arguments(self.operation, direction, given)
        return launches(self.operation, direction, arguments, rung, tiny, part)


_device = functools.cache(find_device)
