"""Functions of Python, math, operator and NumPy that kernels call, by the function: how each call is rewritten."""

from collections.abc import Callable

from kernels.gpu.interpreter import printing

CALLS: dict[Callable, Callable] = {print: printing.rewritten}


def known_call(thing):
    """What rewrites the calls of a function, given (function being rewritten, arguments...), or None."""
    try:
        return CALLS.get(thing)
    except TypeError:  # what has no hash
        return None
