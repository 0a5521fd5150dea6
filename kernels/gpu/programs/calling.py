"""What Numba knows of a launch that the driver is not told: which function it is, and what its arguments are."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.gpu.driver.memory import DeviceMemory

# Of an array Numba passes two pointers for its own use, the number of elements and their bytes before its address.
BEFORE_DATA = 4


@dataclass
class Calling:
    """A kernel that Numba is about to launch: its function, if that is known, Numba's types and the values given."""

    function: Callable | None
    types: Sequence[Any]
    values: Sequence[Any]

    @property
    def name(self) -> str | None:
        return self.function.__name__ if self.function else None

    def names(self) -> list[str]:
        """Of the arguments, as they are called in the source."""
        if self.function is None:
            return [f"argument {n}" for n in range(1, len(self.values) + 1)]
        return list(inspect.signature(self.function).parameters)[: len(self.values)]


def described(calling: Calling, values: list[bytes], memory: DeviceMemory) -> tuple[list, list[str]]:
    """(values, names) of all parameters of a kernel: in place of the address of each array a view of what lies there.

    values    the bytes of the parameters, as the driver was given them
    """
    found: list[Any] = list(values)
    names: list[str] = []
    for name, kind in zip(calling.names(), calling.types, strict=False):
        for own, array in parameters(name, kind):
            at = len(names)
            names.append(own)
            if array is not None and at + 1 + 2 * array.ndim < len(values) + 1:
                found[at] = view(values, at, array, memory)
    if len(names) != len(values):  # an extension of Numba's has made other arguments of these
        return list(values), [f"parameter {n}" for n in range(1, len(values) + 1)]
    return found, names


@dataclass(frozen=True)
class Kind:
    """dtype and number of dimensions of an array that a parameter is the address of."""

    dtype: np.dtype
    ndim: int


def parameters(name: str, kind: Any) -> Iterator[tuple[str, Kind | None]]:
    """(name, what it is the address of) of each parameter that Numba makes of an argument of this type."""
    from numba.cuda import types
    from numba.cuda.np.numpy_support import as_dtype

    if isinstance(kind, types.Array):
        for _ in range(BEFORE_DATA):
            yield name, None
        yield name, Kind(np.dtype(as_dtype(kind.dtype)), kind.ndim)
        for _ in range(2 * kind.ndim):
            yield name, None
    elif isinstance(kind, types.Record):
        yield name, Kind(np.dtype(as_dtype(kind)), 0)
    elif isinstance(kind, types.Complex):
        yield name, None
        yield name, None
    elif isinstance(kind, types.BaseTuple):
        for n, each in enumerate(kind):
            yield from parameters(f"{name}[{n}]", each)
    else:
        yield name, None


def view(values: list[bytes], at: int, kind: Kind, memory: DeviceMemory) -> Any:
    """The array whose address is parameter `at`; the address as it is, where it is none of the device's."""
    address = number(values[at])
    if not memory.at(address):
        return values[at]
    if not kind.ndim:
        return memory.view(address, (1,), kind.dtype)
    shape = [number(each) for each in values[at + 1 : at + 1 + kind.ndim]]
    strides = [number(each) for each in values[at + 1 + kind.ndim : at + 1 + 2 * kind.ndim]]
    if 0 in shape:
        return values[at]
    return memory.view(address, shape, kind.dtype, strides)


def number(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)
