"""NumPy's functions of single numbers, as np.sin(x[i]) or np.maximum(a, b): in the types of their loops.

Numba converts the arguments to those of the loop that NumPy would choose: np.divide of two integers is one of float64,
np.sin of a float32 is a float32.
"""

import ast
import functools
import math
from collections.abc import Callable

import numpy as np

from kernels.gpu.interpreter import complex_numbers
from kernels.gpu.interpreter.conversions import Typed, call
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import COMPLEX, FLOATS, NUMPY, Static, scalar, type_name
from kernels.gpu.interpreter.typing_rules import loop_of, types

MATH = {
    **{getattr(np, name): getattr(math, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot")},
    **{getattr(np, name): getattr(math, name) for name in ("log", "log2", "log10")},
    **{getattr(np, f"arc{name}"): getattr(math, f"a{name}") for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    np.arctan2: math.atan2,
}
COMPARED = {
    np.equal: ast.Eq,
    np.not_equal: ast.NotEq,
    np.less: ast.Lt,
    np.less_equal: ast.LtE,
    np.greater: ast.Gt,
    np.greater_equal: ast.GtE,
}
OF_BITS = {
    np.bitwise_and: ast.BitAnd,
    np.bitwise_or: ast.BitOr,
    np.bitwise_xor: ast.BitXor,
    np.left_shift: ast.LShift,
    np.right_shift: ast.RShift,
}
FACTORS = {
    **dict.fromkeys((np.degrees, np.rad2deg), 180 / math.pi),
    **dict.fromkeys((np.radians, np.deg2rad), math.pi / 180),
}
EXTREMES = {np.maximum: ("$maximum", "$max"), np.minimum: ("$minimum", "$min")}
EXTREMES |= {np.fmax: ("$fmax_of_numbers", "$max"), np.fmin: ("$fmin_of_numbers", "$min")}
LOGICAL = (np.logical_and, np.logical_or, np.logical_xor, np.logical_not)


def rewritten(ufunc, function, *arguments):
    """A call of a function of NumPy on numbers. Raises Unsupported for what Numba has not for CUDA."""
    kinds = tuple(argument.type for argument in arguments)
    if len(kinds) != ufunc.nin:
        raise Unsupported(f"np.{ufunc.__name__} takes {ufunc.nin} numbers, given {len(kinds)}")
    result, inputs = loop_of(ufunc, *kinds)
    named = f"np.{ufunc.__name__}({', '.join(map(str, kinds))})"
    if any(type_ in COMPLEX for type_ in inputs) and ufunc is not np.conjugate:
        raise Unsupported(f"{named} of complex numbers is not supported: write what it does, or a function of cmath")
    if len(set(inputs)) > 1:
        raise Unsupported(f"{named} is not supported: convert both to one type")
    given = [function.convert(a, type_) for a, type_ in zip(arguments, inputs, strict=True)]
    return function.convert(computed_by(ufunc, function, given, inputs[0], result), result)


def computed_by(ufunc, function, given, kind, result):
    """A function of NumPy on numbers of the one type that it computes in."""
    nodes = [argument.node for argument in given]
    if ufunc in MATH:
        return function.function_of_floats(MATH[ufunc], given, result)
    if ufunc in FACTORS:
        factor = np.float32(FACTORS[ufunc]) if kind == types.float32 else FACTORS[ufunc]
        return function.binary(ast.Mult(), given[0], function.literal(factor))
    if ufunc is np.divide:
        return function.binary(ast.Div(), *given)
    if ufunc in COMPARED:
        return function.comparison(COMPARED[ufunc](), *given)
    if ufunc in EXTREMES and kind != types.boolean:
        function.flops += kind in FLOATS
        return Typed(call(EXTREMES[ufunc][kind not in FLOATS], *nodes), scalar(kind))
    if ufunc in OF_BITS and kind != types.boolean:
        return function.binary_of_integers(OF_BITS[ufunc](), *given, kind)
    if ufunc is np.isnan:
        return Typed(call("$is_nan", *nodes), scalar(types.boolean))
    if ufunc is np.conjugate:
        return complex_numbers.conjugate(given[0])
    if ufunc is np.invert and kind != types.boolean:
        return function.convert(function.unary(ast.Invert(), given[0]), kind)
    return of_truth(ufunc, function, given)


def of_truth(ufunc, function, given):
    """What asks whether numbers are other than zero."""
    truths = [function.convert(argument, types.boolean) for argument in given]
    if ufunc in (np.logical_not, np.invert):
        return function.negated(truths[0])
    nodes = [truth.node for truth in truths]
    if ufunc in (np.logical_xor, np.bitwise_xor):
        return Typed(ast.Compare(nodes[0], [ast.NotEq()], nodes[1:]), scalar(types.boolean))
    is_both = ufunc in (np.logical_and, np.bitwise_and, np.minimum, np.fmin)
    op = ast.BitAnd() if is_both else ast.BitOr()  # both are computed
    return Typed(ast.BinOp(nodes[0], op, nodes[1]), scalar(types.boolean))


def real(function, value):
    return complex_numbers.part(function, value, "real")


def imag(function, value):
    return complex_numbers.part(function, value, "imag")


def limits(kind, function, dtype):
    """np.finfo or np.iinfo of a type, of which a kernel reads attributes."""
    thing = dtype.value.object if isinstance(dtype.value, Static) else None
    try:
        if thing is None:
            raise TypeError
        return function.literal(kind(NUMPY.get(thing, thing) if isinstance(thing, types.Type) else thing))
    except (TypeError, ValueError):
        raise Unsupported(f"np.{kind.__name__} takes a type of numbers, not {type_name(dtype.value)}") from None


USED = (*MATH, *COMPARED, *OF_BITS, *FACTORS, *EXTREMES, *LOGICAL, np.divide, np.isnan, np.conjugate, np.invert)
CALLS: dict[Callable, Callable] = {ufunc: functools.partial(rewritten, ufunc) for ufunc in USED}
CALLS |= {np.real: real, np.imag: imag}
CALLS |= {kind: functools.partial(limits, kind) for kind in (np.finfo, np.iinfo)}
