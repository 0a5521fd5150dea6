"""Functions of math and operator that are more than an instruction: parts of a float, and operators by their names."""

import ast
import functools
import math
import operator

from kernels.gpu.interpreter import tuples
from kernels.gpu.interpreter.conversions import Typed, call
from kernels.gpu.interpreter.expressions import OPERATORS
from kernels.gpu.interpreter.known import Tuple, computed, scalar
from kernels.gpu.interpreter.typing_rules import signature, types


def converted(function, named, arguments):
    """(arguments in the types that Numba calls a function with, the type of its result)."""
    typing = signature(named, *(argument.type for argument in arguments))
    given = [function.convert(a, type_) for a, type_ in zip(arguments, typing.args, strict=True)]
    return given, typing.return_type


def parts_of_float(named, helper, function, value):
    """frexp and modf: a pair."""
    (value,), result = converted(function, named, [value])
    function.flops += 1
    return Typed(call(helper, value.node), Tuple(tuple(scalar(type_) for type_ in result)))


def scaled(named, function, value, exponent):
    """ldexp: a float times a power of two."""
    (value, exponent), result = converted(function, named, [value, exponent])
    function.flops += 1
    return Typed(call("$ldexp", value.node, exponent.node), scalar(result))


def binary(op, function, left, right):
    found = function.binary(op(), left, right)
    return Typed(found.node, computed(found.value))


def comparison(op, function, left, right):
    return function.comparison(op(), left, right)


def unary(op, function, operand):
    return function.unary(op(), operand)


def negated(function, operand):
    return function.negated(function.convert(operand, types.boolean))


COMPARED = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)
SIGNS = (ast.USub, ast.UAdd, ast.Invert)


def rewrites(op):
    """What rewrites the calls of an operator's function."""
    kind = comparison if op in COMPARED else unary if op in SIGNS else binary
    return functools.partial(kind, op)


CALLS = {named: rewrites(op) for op, named in OPERATORS.items()}
CALLS |= {
    getattr(operator, f"i{named.__name__.rstrip('_')}"): rewrites(op)
    for op, named in OPERATORS.items()
    if op not in COMPARED + SIGNS
}
CALLS |= {
    operator.not_: negated,
    operator.contains: tuples.contains,
    math.frexp: functools.partial(parts_of_float, math.frexp, "$frexp"),
    math.modf: functools.partial(parts_of_float, math.modf, "$modf"),
    math.ldexp: functools.partial(scaled, math.ldexp),
}
