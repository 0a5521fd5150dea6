"""Numba's types, and its rules of what type comes of what: all that the interpreter asks of Numba, it asks here.

The types are not ours. float32 + int64 is float64 and int32 + int32 is int64, because Numba compiles them so. What it
answers of numbers stands in a table (typing_table.py), since that is what kernels are made of. All other questions, of
slices of arrays, records, times or functions with declared types, are put to numba-cuda itself (asked.py): it is
imported when the first of them comes up, and not at all for most kernels.
"""

import functools
from types import ModuleType

import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numba.np.npdatetime_helpers import get_best_unit, get_timedelta_conversion_factor
from numba.np.numpy_support import as_dtype, from_dtype, map_layout

from kernels.gpu.interpreter import typing_table
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.typing_table import Signature

__all__ = [
    "NumbaError",
    "as_dtype",
    "attribute",
    "describe",
    "from_dtype",
    "get_best_unit",
    "get_timedelta_conversion_factor",
    "is_typed",
    "loop_of",
    "map_layout",
    "numba_cuda",
    "signature",
    "type_of_object",
    "types",
    "unified",
]


def numba_cuda(question):
    """asked.py, which a question is put to. Raises Unsupported, and says the question, where there is no numba-cuda."""
    try:
        from kernels.gpu.interpreter import asked
    except ImportError as error:
        raise Unsupported(f"{question} needs numba-cuda to be typed: pip install numba-cuda") from error
    return asked


@functools.cache
def signature(function, *argument_types):
    """How Numba types a call. A function of numba.cuda may be given by its name, as "cuda.popc"."""
    known = typing_table.found(typing_table.name_of(function), argument_types)
    if known is not None:
        return known
    question = describe(function, argument_types)
    asked = numba_cuda(question)
    try:
        found = asked.signature(function, argument_types)
    except NumbaError:
        found = None
    except Exception as error:  # what Numba can type only by compiling for a device at hand
        raise Unsupported(f"{question} needs a device to be typed") from error
    if found is None:
        raise Unsupported(f"{question} is not supported by Numba")
    return Signature(found.return_type, found.args)


@functools.cache
def unified(first, second):
    """The type Numba gives to a variable that is `first` on one path and `second` on another, or None."""
    if typing_table.knows(first) and typing_table.knows(second):
        known = typing_table.found("unified", (first, second))
        return known and known.return_type
    return numba_cuda(f"a variable that is {first} or {second}").unified(first, second)


@functools.cache
def loop_of(ufunc, *argument_types):
    """The loop of a function of NumPy that takes such numbers, as a signature."""
    name = f"np.{ufunc.__name__}"
    known = typing_table.found(name, argument_types)
    if known is not None:
        return known
    question = f"{name}({', '.join(map(str, argument_types))})"
    found = numba_cuda(question).loop(ufunc, argument_types)
    if found is None:
        raise Unsupported(f"{question} is not supported by Numba")
    return Signature(found.outputs[0], tuple(found.inputs))


def attribute(type_, name):
    """The type of an attribute or of a method of a value of some type, or None."""
    return numba_cuda(f"{type_}.{name}").attribute(type_, name)


def type_of_object(thing):
    """The type of a Python object that a kernel names. Raises many kinds of errors for what has none."""
    return numba_cuda(f"{thing!r}").type_of(thing)


def is_typed(thing):
    """Whether a kernel may name a Python object, for the sake of its attributes."""
    if isinstance(thing, np.finfo | np.iinfo | ModuleType):
        return True
    try:
        return type_of_object(thing) is not None
    except Unsupported:
        raise
    except Exception:  # Numba raises several kinds for what it cannot type
        return False


def describe(function, argument_types):
    """A call in words."""
    function = getattr(function, "dispatcher", function)  # of what Numba has compiled
    return f"{getattr(function, '__name__', function)}({', '.join(map(str, argument_types))})"
