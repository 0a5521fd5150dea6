"""What a compiler knows of a launch that the driver is not told: which function it is, and what its arguments are."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from kernels.gpu.driver.memory import DeviceMemory
from kernels.gpu.programs.arguments import is_read_only


@dataclass(frozen=True)
class Abi:
    """How a compiler passes an array to a kernel: some words, the address, some words, shape, strides.

    before, between    words before the address, and between it and the shape
    in_bytes           whether strides are bytes; else they are elements
    as_dtype           what makes a dtype of NumPy of the compiler's type
    """

    before: int
    between: int
    in_bytes: bool
    as_dtype: Callable[[Any], Any]

    def words(self, ndim: int) -> int:
        """How many words an array takes."""
        return self.before + 1 + self.between + 2 * ndim


@dataclass
class Calling:
    """A kernel that is about to be launched: its function, if that is known, the compiler's types, the values given.

    Of what is compiled by numba-cuda-mlir there are no values.
    """

    function: Callable | None
    types: Sequence[Any]
    values: Sequence[Any]
    abi: Abi

    @property
    def name(self) -> str | None:
        return self.function.__name__ if self.function else None

    def names(self) -> list[str]:
        """Of the arguments, as they are called in the source."""
        if self.function is None:
            return [f"argument {n}" for n in range(1, len(self.types) + 1)]
        return list(inspect.signature(self.function).parameters)[: len(self.types)]


def described(calling: Calling, values: list[bytes], memory: DeviceMemory) -> tuple[list, list[str]]:
    """(values, names) of all parameters of a kernel: in place of the address of each array a view of what lies there.

    values    the bytes of the parameters, as the driver was given them
    """
    abi = calling.abi
    found: list[Any] = list(values)
    given = zip_longest(calling.names(), calling.types, calling.values)
    owners = [own for each in given for own in parameters(*each, abi)]
    names = [name for name, _ in owners]
    if len(names) != len(values):  # an extension of the compiler's has made other arguments of these
        return list(values), [f"parameter {n}" for n in range(1, len(values) + 1)]
    for at, (_, array) in enumerate(owners):
        if array is not None:
            if array.ndim:
                words = slice(at - abi.before, at - abi.before + abi.words(array.ndim))
                found[words] = [np.int64(number(each)) for each in values[words]]  # no pointers of their own
            found[at] = view(values, at, array, abi, memory)
    return found, names


@dataclass(frozen=True)
class Kind:
    """dtype and number of dimensions of an array that a parameter is the address of, and whether it may be written."""

    dtype: np.dtype
    ndim: int
    is_sealed: bool = False


def parameters(name: str, kind: Any, value: Any, abi: Abi) -> Iterator[tuple[str, Kind | None]]:
    """(name, what it is the address of) of each parameter that is made of an argument of this type.

    value    None where the compiler does not tell it
    """
    classes = {each.__name__ for each in type(kind).__mro__}  # both compilers' types are called alike
    if "Array" in classes:
        words: list[Kind | None] = [None] * abi.words(kind.ndim)
        words[abi.before] = Kind(np.dtype(abi.as_dtype(kind.dtype)), kind.ndim, is_read_only(value))
        yield from ((name, each) for each in words)
    elif "Record" in classes:
        yield name, Kind(np.dtype(abi.as_dtype(kind)), 0)
    elif "Complex" in classes:
        yield name, None
        yield name, None
    elif "BaseTuple" in classes:
        for n, each in enumerate(kind):
            yield from parameters(f"{name}[{n}]", each, value and value[n], abi)
    else:
        yield name, None


def view(values: list[bytes], at: int, kind: Kind, abi: Abi, memory: DeviceMemory) -> Any:
    """The array whose address is parameter `at`; the address as it is, where it is none of the device's."""
    address = number(values[at])
    if not memory.at(address) and not memory.freed(address):
        return values[at]
    if not kind.ndim:
        return memory.view(address, (1,), kind.dtype)
    first = at + 1 + abi.between
    shape = [number(each) for each in values[first : first + kind.ndim]]
    strides = [number(each) for each in values[first + kind.ndim : first + 2 * kind.ndim]]
    if 0 in shape:
        return values[at]
    unit = 1 if abi.in_bytes else kind.dtype.itemsize
    array = memory.view(address, shape, kind.dtype, [unit * each for each in strides])
    array.flags.writeable = not kind.is_sealed
    return array


def number(value: bytes) -> int:
    return int.from_bytes(value, "little", signed=True)
