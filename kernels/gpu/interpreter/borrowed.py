"""Functions that Numba itself writes in Python, as cmath.sqrt, the quotient of complex numbers or the sum of an array.

They are read from Numba and rewritten like device functions of the kernel, so that what is computed is what is
compiled. Numba has them in two ways: an @overload makes a function for types of arguments, and an implementation in
LLVM may hand one to `compile_internal`. What a program registers by @overload is found with them.
"""

import functools
import inspect
import operator
import sys
import types as python_types
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import Array, Scalar, Static, Tuple, is_integer, type_name, type_to_numba
from kernels.gpu.interpreter.typing_rules import NumbaError, describe, numba_cuda, signature, type_of_object, types

METHODS = ("sum", "prod", "mean", "var", "std", "min", "max", "argmin", "argmax", "any", "all")
OF_ARRAYS = {getattr(np, name) for name in METHODS}
OF_ARRAYS |= {getattr(np, f"nan{name}") for name in ("sum", "prod", "mean", "var", "std", "min", "max")}
OF_ARRAYS |= {np.amin, np.amax, np.count_nonzero, np.searchsorted, np.digitize, np.size, np.shape, np.asarray}
OF_ARRAYS |= {np.average, np.trace}
MAKING_ARRAYS = {np.min, np.max, np.amin, np.amax, np.nanmin, np.nanmax}
OF_ARRAYS |= {sum, min, max, operator.contains}
OF_NUMBERS = {np.sinc, np.angle, np.isscalar}
"""What Numba has written in Python, and compiles for CUDA."""


@dataclass(frozen=True)
class Found:
    """A function that Numba has written in Python, for some types of arguments.

    types     of its arguments
    result    Numba's type of what it returns, None where that is found out when it is rewritten
    kinds     (name, type) of each variable that Numba gives a type
    """

    function: Any
    types: tuple
    result: Any = None
    kinds: tuple = ()


class _Handed(Exception):
    """What an implementation handed to compile_internal."""


@functools.cache
def implementation(function, types_, keywords=(), literals=None):
    """What Numba has written for a call with arguments of such types, and (name, type) of those that are given by name.

    literals    the types, with the numbers themselves where they are written in the call: an @overload may ask for them

    Raises Unsupported if it has nothing, or nothing in Python.
    """
    asked = numba_cuda(describe(function, types_))
    with asked.target_override("cuda"):
        for template in sorted(asked.templates(function), key=is_for_any_target):
            first, second = (types_, literals) if not template.prefer_literal else (literals, types_)
            for given in filter(None, (first, second)):
                made = _made(getattr(template, "_overload_func", None), given, dict(keywords))
                if made is not None:
                    return Found(made, types_)
        handed = _handed(asked, function, _typed(asked, function, types_, keywords))
    if handed is None:
        raise Unsupported(f"{describe(function, types_)} is not supported")
    made, inner, kinds = handed
    return Found(made, tuple(inner.args), inner.return_type, tuple((kinds or {}).items()))


def refuse_unallocated(function, types_):
    """Raises Unsupported for a function that makes an array, if Numba's runtime is switched off."""
    call = describe(function, types_)
    if function in MAKING_ARRAYS and not numba_cuda(call).allocates():
        hint = "set NUMBA_CUDA_ENABLE_NRT=1, or take Python's own min and max"
        raise Unsupported(f"{call} makes an array, for which Numba's runtime is off: {hint}")


def is_known(function, arguments):
    """Whether a call is one of a function that Numba has written in Python, of arrays or of numbers."""
    if not isinstance(function, Hashable):
        return False
    if is_overloaded(function):
        return True
    has_arrays = any(isinstance(argument.value, Array) for argument in arguments)
    return function in (OF_ARRAYS if has_arrays else OF_NUMBERS)


def is_overloaded(function):
    """Whether the author of a program has registered a function of theirs by @overload or @register_jitable."""
    if not isinstance(function, python_types.FunctionType):
        return False
    if "numba.cuda.extending" not in sys.modules and "numba.core.extending" not in sys.modules:
        return False
    try:
        return any(hasattr(each, "_overload_func") for each in numba_cuda(function.__name__).templates(function))
    except Exception:  # Numba raises many kinds for what it cannot type
        return False


def is_for_any_target(template):
    """Of the types of a call: those made for CUDA come first."""
    return getattr(template, "metadata", {}).get("target") != "cuda"


def type_of(argument):
    """Numba's type of an argument, which may be a name, a text or None."""
    if isinstance(argument.value, Static) and isinstance(argument.value.object, str):
        return types.literal(argument.value.object)
    if isinstance(argument.value, Static):
        try:
            return type_of_object(argument.value.object)
        except (NumbaError, ValueError) as error:
            raise Unsupported(f"{type_name(argument.value)} is given to a function, and has no type") from error
    return type_to_numba(argument.value)


def literal_type_of(argument):
    """The same, of an integer that is written in the call with the number itself."""
    value = argument.value
    is_literal = isinstance(value, Scalar) and value.is_literal and is_integer(value.type)
    return types.literal(value.low) if is_literal else type_of(argument)


def is_instance(thing, kinds):
    """What isinstance says of two Typed: Numba has a function that returns True, and one that returns False."""
    if isinstance(kinds.value, Tuple):
        wanted = types.Tuple([type_of_object(kind.object) for kind in kinds.value.items])
    else:
        wanted = type_of(kinds)
    return implementation(isinstance, (type_of(thing), wanted)).function(None, None)


def _typed(asked, function, types_, keywords):
    """Numba's own signature of a call, some of whose arguments may be given by name. Raises Unsupported."""
    if not keywords:
        signature(function, *types_)  # says it where Numba refuses
    try:
        return asked.signature(function, types_, dict(keywords))
    except NumbaError:
        names = ", ".join(name for name, _ in keywords)
        raise Unsupported(f"{describe(function, types_)} with {names} is not supported by Numba") from None


def _made(overload, types_, keywords):
    """The function that an @overload makes for these types, or None."""
    module = (getattr(overload, "__module__", "") or "").split(".")
    if overload is None or (module[0] == "numba" and module[:2] != ["numba", "cuda"]):  # Numba for CPUs has others
        return None
    try:
        inspect.signature(overload).bind(*types_, **keywords)
        made = overload(*types_, **keywords)
    except (TypeError, NumbaError):
        return None
    return made if isinstance(made, python_types.FunctionType) else None


def _handed(asked, function, typing):
    """(function, signature, types of variables) that an implementation hands to compile_internal, or None.

    It is called, and builds nothing.
    """

    def compile_internal(builder, handed, inner, *_, locals=None, **__):
        raise _Handed(handed, inner, locals)

    try:
        build = asked.implementation(function, typing)
        build._context = mock.MagicMock(compile_internal=compile_internal)
        build(mock.MagicMock(), [mock.MagicMock() for _ in typing.args])
    except _Handed as handed:
        return handed.args
    except Exception:  # an implementation that asks more of LLVM than pretended objects can answer
        return None
    return None
