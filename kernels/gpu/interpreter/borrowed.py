"""Functions that Numba itself writes in Python, as cmath.sqrt or the quotient of complex numbers.

They are read from Numba and rewritten like device functions of the kernel, so that what is computed is what is
compiled. Numba has them in two ways: an @overload makes a function for types of arguments, and an implementation in
LLVM may hand one to `compile_internal`.
"""

import inspect
import types as python_types
from unittest import mock

from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.typing_rules import NumbaError, describe, numba_cuda, signature


class _Handed(Exception):
    """What an implementation handed to compile_internal."""


def implementation(function, types):
    """(Python function, Numba's types of its arguments, type of its result or None), of a call with such types.

    Raises Unsupported if Numba has none that is written in Python.
    """
    asked = numba_cuda(describe(function, types))
    with asked.target_override("cuda"):
        for template in asked.templates(function):
            made = _made(getattr(template, "_overload_func", None), types)
            if made is not None:
                return made, types, None
        handed = _handed(asked, function, signature(function, *types))
    if handed is None:
        raise Unsupported(f"{describe(function, types)} is not supported")
    made, inner = handed
    return made, inner.args, inner.return_type


def _made(overload, types):
    """The function that an @overload makes for these types, or None."""
    if overload is None:
        return None
    try:
        inspect.signature(overload).bind(*types)
        made = overload(*types)
    except (TypeError, NumbaError):
        return None
    return made if isinstance(made, python_types.FunctionType) else None


def _handed(asked, function, typing):
    """(function, signature) that an implementation hands to compile_internal, or None: called, it builds nothing."""

    def compile_internal(builder, handed, inner, *_, **__):
        raise _Handed(handed, inner)

    try:
        build = asked.implementation(function, typing)
        pretended = mock.MagicMock(compile_internal=compile_internal)
        build(pretended, mock.MagicMock(), typing, [mock.MagicMock() for _ in typing.args])
    except _Handed as handed:
        return handed.args
    except Exception:  # an implementation that asks more of LLVM than pretended objects can answer
        return None
    return None
