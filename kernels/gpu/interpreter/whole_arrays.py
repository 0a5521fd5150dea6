"""Functions of NumPy that a kernel calls on whole arrays, as Numba compiles them: a loop over the elements.

    np.sin(x, y)        sets all of y

The loop is written in Python, for numbers and arrays of so many axes, and rewritten like a function of the kernel.
"""

import functools
import linecache

import numpy as np

from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import Array, type_name, type_to_numba
from kernels.gpu.interpreter.typing_rules import loop_of, signature


def takes(thing, arguments):
    """Whether a call is one of a function of NumPy on whole arrays."""
    return isinstance(thing, np.ufunc) and any(isinstance(argument.value, Array) for argument in arguments)


def called(caller, call, ufunc, arguments):
    """A call of it: arrays of fewer elements along an axis have one, which is taken for all."""
    values = [argument.value for argument in arguments]
    if len(arguments) != ufunc.nin + 1 or not isinstance(values[-1], Array):
        raise Unsupported(f"np.{ufunc.__name__} of arrays takes the array that it is to set, behind all others")
    axes = tuple(value.ndim if isinstance(value, Array) else None for value in values)
    if max(axis or 0 for axis in axes) > values[-1].ndim:
        raise Unsupported(f"np.{ufunc.__name__}: {type_name(values[-1])} has fewer axes than what it is computed from")
    kinds = [type_to_numba(value) for value in values]
    signature(ufunc, *kinds)
    dtypes = [getattr(kind, "dtype", kind) for kind in kinds]
    loops = [loop_of(ufunc, *given) for given in (dtypes, dtypes[:-1])]
    if len({*loops}) > 1:
        raise Unsupported(f"np.{ufunc.__name__}: {type_name(values[-1])} is not what it computes: give another array")
    layouts = [value.layout for value in values[:-1] if isinstance(value, Array)]
    is_reversed = layouts.count("F") > layouts.count("C")
    return caller.program.call_at(caller, call, loop(ufunc, axes, is_reversed), arguments)


@functools.cache
def loop(ufunc, axes, is_reversed):
    """A function that sets an array, the last argument, element by element.

    axes         of each argument, None for a number
    is_reversed  whether the first axis is the inmost, as Numba chooses where most arrays lie in that order
    """
    indices = [f"i{axis}" for axis in range(axes[-1])]
    names = [f"x{n}" for n in range(len(axes) - 1)]
    given = [element(name, count, indices) for name, count in zip(names, axes, strict=False)]
    lines = [f"def {ufunc.__name__}({', '.join(names)}, out):"]
    for depth, axis in enumerate(sorted(range(axes[-1]), reverse=is_reversed), 1):
        lines.append(f"{'    ' * depth}for i{axis} in range(out.shape[{axis}]):")
    lines.append(f"{'    ' * (axes[-1] + 1)}out[{', '.join(indices)}] = ufunc({', '.join(given)})")
    lines.append("    return out")
    text = "\n".join(lines) + "\n"
    file = f"<{ufunc.__name__} of {axes}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    names_in_it = {"ufunc": ufunc, "__name__": "numba.loops"}
    exec(compile(text, file, "exec"), names_in_it)
    return names_in_it[ufunc.__name__]


def element(name, count, indices):
    """The element of an argument that stands for the indices of the result: those of its last axes count."""
    if count is None:
        return name
    own = indices[len(indices) - count :]
    inside = ", ".join(f"{i} if {name}.shape[{axis}] > 1 else 0" for axis, i in enumerate(own))
    return f"{name}[{inside}]"


def item(array):
    """array.item(): the only element."""
    if array.size != 1:
        raise ValueError("item() of an array of several elements")
    return next(iter(array.flat))
