"""Arguments with which a launch cannot go right: Numba passes them on, and a GPU takes them for something else."""

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from kernels.gpu.driver.memory import DeviceMemory
from kernels.gpu.emulator.errors import Freed
from kernels.gpu.interpreter import KernelError


class Undeclared(KernelError):
    """Arguments that are not those that the signature of a kernel declares."""


def undeclared(dispatcher, args) -> Undeclared | None:
    """What is wrong with the arguments of a kernel with one signature, by which Numba passes whatever it is given."""
    from numba.cuda import types

    if not dispatcher.specialized:
        return None
    declared, kernel = next(iter(dispatcher.overloads.values())).argument_types, dispatcher.py_func.__name__
    names = [*inspect.signature(dispatcher.py_func).parameters]
    if len(args) != len(declared):
        return Undeclared(f"takes {len(declared)} arguments, and is given {len(args)}", kernel=kernel)
    for name, kind, value in zip(names, declared, args, strict=True):
        if isinstance(kind, types.Array) and not dispatcher.extensions:  # which may make an array of anything
            array = as_array(value)
            given = dispatcher.typeof_pyval(array)
            if not fits(given, kind, array):
                return Undeclared(f"{name} is {given}, but declared as {kind}", kernel=kernel, array=name)
    return None


def as_array(value) -> Any:
    """An argument for an array: Numba takes what it finds there, and makes arrays of numbers and lists."""
    from numba.cuda.args import ArgHint

    given = value.value if isinstance(value, ArgHint) else value
    return given if hasattr(given, "__cuda_array_interface__") else np.asarray(given)


def fits(given, declared, array) -> bool:
    """Whether a kernel that is compiled for a type of array finds in this one what it takes it for."""
    is_flat = sum(n != 1 for n in array.shape) < 2  # in the order of C and of Fortran alike
    has_order = declared.layout in ("A", given.layout) or (is_flat and given.layout in "CF")
    return (given.dtype, given.ndim) == (declared.dtype, declared.ndim) and has_order


def refuse_freed(memory: DeviceMemory, kernel: str | None, names: Iterable[str], values: Iterable[Any]) -> None:
    """Raise Freed for an array, or one in a tuple, that lies in freed memory of the device."""
    for name, value in zip(names, values, strict=False):
        if isinstance(value, tuple):
            refuse_freed(memory, kernel, (f"{name}[{n}]" for n in range(len(value))), value)
        elif isinstance(value, np.ndarray) and (where := memory.freed_text(value.ctypes.data)):
            raise Freed(f"{name} {where}", kernel=kernel, array=name)


def is_read_only(value) -> bool:
    """Whether an argument is an array of the host that may not be written, as Numba writes it after the launch."""
    return isinstance(value, np.ndarray) and not value.flags.writeable
