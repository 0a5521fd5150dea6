"""Scalar functions inside compiled CPU loops."""

import types

from numba.extending import register_jitable


def jitable(function):
    """`function` for use in the closure of a cached Numba loop.

    It is a copy. Numba's cache recognises a function that can be imported by its name, and would not see that
    somebody edited it; a copy can only be recognised by its code.
    """
    return register_jitable(types.FunctionType(function.__code__, function.__globals__, function.__name__))
