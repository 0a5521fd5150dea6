"""Numba's types, and its rules of what type comes of what: all that the interpreter asks of Numba, it asks here.

The types are not ours. float32 + int64 is float64 and int32 + int32 is int64, because Numba compiles them so.
"""

import functools

import numpy as np
from numba import types
from numba.core.errors import NumbaError
from numba.core.target_extension import target_override
from numba.cuda.descriptor import cuda_target
from numba.np.npdatetime_helpers import get_best_unit, get_timedelta_conversion_factor
from numba.np.numpy_support import as_dtype, from_dtype, map_layout

from kernels.gpu.interpreter.errors import Unsupported

__all__ = [
    "NumbaError",
    "as_dtype",
    "from_dtype",
    "get_best_unit",
    "get_timedelta_conversion_factor",
    "is_typed",
    "map_layout",
    "signature",
    "types",
    "typing_context",
    "unified",
]


def typing_context():
    context = cuda_target.typing_context
    context.refresh()
    return context


@functools.cache
def signature(function, *argument_types):
    """How Numba types a call: signature with `.args`, the types it converts to, and `.return_type`."""
    with target_override("cuda"):
        try:
            found = typing_context().resolve_function_type(function, argument_types, {})
        except NumbaError:
            found = None
        except Exception as error:  # what Numba can type only by compiling for a device at hand
            raise Unsupported(f"{describe(function, argument_types)} needs a device to be typed") from error
    if found is None:
        raise Unsupported(f"{describe(function, argument_types)} is not supported by Numba")
    return found


@functools.cache
def unified(first, second):
    """The type Numba gives to a variable that is `first` on one path and `second` on another, or None."""
    return typing_context().unify_types(first, second)


def is_typed(thing):
    """Whether a kernel may name a Python object, for the sake of its attributes."""
    if isinstance(thing, np.finfo | np.iinfo):
        return True
    try:
        return typing_context().resolve_value_type(thing) is not None
    except Exception:  # Numba raises several kinds for what it cannot type
        return False


def describe(function, argument_types):
    function = getattr(function, "dispatcher", function)  # of what Numba has compiled
    return f"{getattr(function, '__name__', function)}({', '.join(map(str, argument_types))})"
