"""Functions of Python, math, operator and NumPy that kernels call, by the function: how each call is rewritten."""

import functools
from collections.abc import Callable

from kernels.gpu.interpreter import borrowed, builtin_calls, libdevice_calls, numeric_calls, printing, ufunc_calls

CALLS: dict[Callable, Callable] = {
    print: printing.rewritten,
    sum: builtin_calls.summed,
    divmod: builtin_calls.divided,
    min: functools.partial(builtin_calls.extreme, min),
    max: functools.partial(builtin_calls.extreme, max),
    type: builtin_calls.type_of,
    len: builtin_calls.length,
    slice: builtin_calls.slice_of,
    isinstance: lambda function, thing, kinds: function.literal(borrowed.is_instance(thing, kinds)),
    next: lambda function, iterator: function.next_of(iterator),
    **numeric_calls.CALLS,
    **ufunc_calls.CALLS,
}


def known_call(thing):
    """What rewrites the calls of a function, given (function being rewritten, arguments...), or None."""
    if getattr(thing, "__module__", "") == "numba.cuda.libdevice":
        return libdevice_calls.CALLS.get(f"libdevice.{thing.__name__}")
    try:
        return CALLS.get(thing)
    except TypeError:  # what has no hash
        return None
