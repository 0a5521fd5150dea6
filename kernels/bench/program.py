"""Launches of a user's own, one after the other, on arrays that can be filled anew.

A kernel by itself says nothing of its arguments: `make` gives it arrays. An argument that the kernel indexes, or asks
for its size, is an array; any other is a number.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.bench.loading import FileError, call, find, required
from kernels.gpu import Kernel, Launch
from kernels.gpu.source import DeviceFunction, Source
from kernels.operation import Shape, normal

# Attributes that arrays have and numbers have not.
OF_ARRAYS = ("shape", "size", "ndim")


@dataclass(frozen=True)
class Given:
    """An array that a kernel shall be given."""

    shape: Shape
    dtype: str = "float32"


class Program:
    """Launches with what they are called, and their arguments by name.

    name        as a user says it: "my.py:scale"
    arguments   arrays and numbers by the names that the kernels give them; where kernels give one name to several, the
                later ones are called "kernel.name"
    """

    def __init__(self, name: str, launches: Sequence[Launch]):
        self.name, self.launches = name, list(launches)
        self.arguments: dict[str, Any] = {}
        for launch in self.launches:
            for argument, value in zip(launch.kernel.source.arguments, launch.args, strict=True):
                is_array = isinstance(value, np.ndarray)
                if not (is_array and any(value is known for known in self.arguments.values())):
                    taken = argument in self.arguments
                    self.arguments[f"{launch.kernel.name}.{argument}" if taken else argument] = value
        self.start = {name: array.copy() for name, array in self.arrays.items()}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        return {name: value for name, value in self.arguments.items() if isinstance(value, np.ndarray)}

    @property
    def floats(self) -> dict[str, np.ndarray]:
        """The arrays that can be filled with any values. Integers stay: they may be indices."""
        return {name: array for name, array in self.arrays.items() if array.dtype.kind == "f"}

    def fill(self, values: Mapping[str, np.ndarray]) -> None:
        """Give arrays these values, and those that are not named what they had at the start."""
        for name, array in self.arrays.items():
            array[...] = values.get(name, self.start[name])

    def interpret(self, seed: int | None = None) -> None:
        """Run all launches, checked, with threads in the order of a seed. Raises KernelError."""
        for launch in self.launches:
            launch.interpret(seed=seed)


def program_of(name: str) -> Program | Kernel:
    """What "my.py:name" launches; or the kernel of that name, which does not say on what. Raises FileError."""
    thing = find(name)
    if isinstance(thing, Kernel):
        return thing
    if callable(thing) and not hasattr(thing, "py_func") and not isinstance(thing, type):
        if arguments := required(thing):
            raise FileError(
                f"{name}: is a function of {', '.join(arguments)}; "
                "a kernel has @kernel above it, and a function that returns launches takes nothing"
            )
        thing = call(thing, name)
    launches = [thing] if isinstance(thing, Launch) else thing
    if not isinstance(launches, list | tuple) or not launches or not all(isinstance(one, Launch) for one in launches):
        what = "made by Numba's cuda.jit" if hasattr(thing, "py_func") else f"{_short(thing)}"
        raise FileError(f"{name}: is {what}: no kernel of @kernel, no launch, and no function that returns launches")
    return Program(name, launches)


def make(kernel: Kernel, grid: Shape, block: Shape, given: Mapping[str, Any]) -> Launch:
    """A launch of a kernel on arrays and numbers by name: for a `Given` it makes an array.

    Floats are drawn as they stand in a network; integers so that each is an index into all of the arrays. Raises
    LaunchError for a grid or block that no GPU takes.
    """
    generator = np.random.default_rng(0)
    extents = [extent for value in given.values() if isinstance(value, Given) for extent in value.shape]

    def argument(value):
        if not isinstance(value, Given):
            return value
        dtype = np.dtype(value.dtype)
        if dtype.kind == "f":
            return normal(generator, value.shape).astype(dtype)
        return generator.integers(0, 2 if dtype.kind == "b" else min(extents), value.shape).astype(dtype)

    return kernel[grid, block](*(argument(given[name]) for name in kernel.source.arguments))


def array_arguments(source: Source, callers: tuple[Source, ...] = ()) -> set[str]:
    """Names of the arguments that a function, or a device function that it calls, uses as arrays."""
    found: set[str] = set()
    names = source.names()
    for node in ast.walk(source.tree()):
        match node:
            case ast.Subscript(value=ast.Name(name)):
                found.add(name)
            case ast.Attribute(value=ast.Name(name), attr=attribute) if attribute in OF_ARRAYS:
                found.add(name)
            case ast.Call(func=ast.Name("len"), args=[ast.Name(name)]):
                found.add(name)
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="atomic")), args=[ast.Name(name), *_]):
                found.add(name)
            case ast.Call(func=ast.Name(function), args=args) if isinstance(names.get(function), DeviceFunction):
                callee = names[function].source
                if callee not in callers:
                    indexed = array_arguments(callee, (*callers, source))
                    passed = zip(callee.arguments, args, strict=False)
                    found |= {a.id for parameter, a in passed if parameter in indexed and isinstance(a, ast.Name)}
    return found & set(source.arguments)


def _short(thing: Any) -> str:
    text = " ".join(repr(thing).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
