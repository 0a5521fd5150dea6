"""`print` in a kernel: the text that Numba has a GPU print, as soon as a thread prints it.

Integers are printed as such, floats with six decimals, whatever their width, booleans as True and False, tuples in
parentheses; a blank lies between two values and a new line behind the last.
"""

import sys

from kernels.gpu.interpreter.conversions import Typed, call, number
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import FLOATS, HALF, Scalar, Static, Tuple, is_integer, type_name
from kernels.gpu.interpreter.typing_rules import types

MOST = 32  # values that one call prints


def rewritten(function, *arguments):
    """A call of print."""
    parts = [part(function, argument) for argument in arguments]
    values = [node for _, nodes in parts for node in nodes]
    if len(arguments) > MOST:
        raise Unsupported(f"print of more than {MOST} values is not supported")
    return Typed(call("$show", number(" ".join(text for text, _ in parts)), *values), Static(None))


def part(function, typed):
    """(format, values) of something that is printed. Raises Unsupported for what Numba does not print."""
    match typed.value:
        case Scalar(type_) if type_ in (HALF, *FLOATS):
            return "%f", [typed.node]
        case Scalar(type_) if is_integer(type_):
            return "%d", [typed.node]
        case Scalar(types.boolean):
            return "%s", [typed.node]
        case Tuple(items):
            parts = [part(function, function.item(typed, i)) for i in range(len(items))]
            texts = ", ".join(text for text, _ in parts)
            return f"({texts}{',' * (len(items) == 1)})", [node for _, nodes in parts for node in nodes]
        case Static(str(text)):
            return "%s", [number(text)]
        case Static(thing) if getattr(thing, "path", "") in ("threadIdx", "blockIdx", "blockDim", "gridDim"):
            return "(%d, %d, %d)", [function.cuda_name(f"{thing.path}.{axis}").node for axis in "xyz"]
    raise Unsupported(
        f"print of {type_name(typed.value)} is not supported: numbers, tuples of them and text are printed"
    )


def show(text, *values):
    """Called by rewritten code."""
    sys.stdout.write(text % values + "\n")
