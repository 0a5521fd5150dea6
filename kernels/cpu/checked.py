"""A look at the arguments of cpu.py before its loops run, which index without looking."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kernels.modules import PACKAGE
from kernels.operation import find_operation


def checked(function):
    """`forward` or `backward` of an operation's cpu.py, which raises ShapeError for arrays that do not fit.

    A loop that Numba compiled would read and write past the end of an array that is too small, and into a copy of one
    that is not C-contiguous. kernels/device.py looks once for all runs, and then calls the function as it is, which is
    `unchecked`; so this is for who calls it directly.
    """
    original = getattr(function, "py_func", function)  # of one that Numba compiles
    signature = inspect.signature(original)

    @functools.wraps(original)
    def look_and_call(*arguments, **named):
        require(original, original.__name__, signature.bind(*arguments, **named).arguments)
        return function(*arguments, **named)

    look_and_call.unchecked = function  # type: ignore[attr-defined]
    return look_and_call


def require(function: Callable, direction: str, arguments: Mapping[str, Any]) -> None:
    """Raise ShapeError for arguments that do not fit the operation in whose folder a function stands."""
    name = function.__module__.removeprefix(f"{PACKAGE}.").partition(".")[0]
    find_operation(name).require(direction, arguments)
