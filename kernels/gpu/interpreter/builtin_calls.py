"""Builtin functions of Python, as Numba compiles them."""

import ast

from kernels.gpu.interpreter import hints
from kernels.gpu.interpreter.conversions import Typed, call, name, number
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import FLOATS, HALF, Array, Scalar, Static, Tuple, is_integer, scalar, type_name
from kernels.gpu.interpreter.typing_rules import signature, types


def extreme(chosen, function, *arguments):
    """min or max: of two floats the instruction, which prefers a number to NaN.

    Of all else, that is with an integer among them or of more than two, Numba compares and selects, two by two:
    a NaN that comes first stays, since nothing is larger than it, and one that comes later is passed over.
    """
    is_tuple = len(arguments) == 1 and is_plain_tuple(arguments[0])
    if is_tuple:
        arguments = function.items(arguments[0])
    is_instruction = len(arguments) == 2 and not is_tuple and all(a.type in FLOATS for a in arguments)
    if any(argument.type == HALF for argument in arguments):
        raise Unsupported(f"{chosen.__name__} of float16 is not supported: convert by float32(...), or cuda.fp16.hmax")
    first, *others = arguments
    for other in others:
        type_ = signature(chosen, first.type, other.type).return_type
        first, other = function.convert(first, type_), function.convert(other, type_)
        if is_integer(type_):
            a, b = first.value, other.value
            value = Scalar(type_, chosen(a.low, b.low), chosen(a.high, b.high))
            first = Typed(call(f"${chosen.__name__}", first.node, other.node), value)
        else:
            function.flops += 1
            # Python's own max and min compare and select: they keep the first unless a later one is beyond it.
            helper = f"$f{chosen.__name__}" if is_instruction else f"${chosen.__name__}"
            first = Typed(call(helper, first.node, other.node), scalar(type_))
    return first


def is_plain_tuple(typed):
    return isinstance(typed.value, Tuple) and not typed.value.is_vector


def length(function, thing):
    """len of an array or a tuple."""
    match thing.value:
        case Tuple(items) if is_plain_tuple(thing):
            return Typed(number(len(items)), Scalar(types.int64, len(items), len(items)))
        case Array():
            return Typed(call("$len", thing.node), Scalar(types.int64, 0, function.program.largest))
    raise Unsupported(f"len({type_name(thing.value)}): kernels take the length of arrays and tuples")


def slice_of(function, *bounds):
    """slice(stop), slice(start, stop) or slice(start, stop, step)."""
    return function.slice(bounds if len(bounds) > 1 else [None, *bounds])


def summed(function, items, start=None):
    """sum of a tuple, one item after another."""
    if not is_plain_tuple(items):
        raise Unsupported(hints.unsupported("sum", hints.LOOP))
    total = start or function.literal(0)
    for item in function.items(items):
        total = function.binary(ast.Add(), total, item)
    return total


def divided(function, a, b):
    """divmod: quotient and remainder."""
    (a, a_again), (b, b_again) = kept_twice(function, a), kept_twice(function, b)
    parts = [function.binary(ast.FloorDiv(), a, b), function.binary(ast.Mod(), a_again, b_again)]
    return Typed(call("$items", *(part.node for part in parts)), Tuple(tuple(part.value for part in parts)))


def kept_twice(function, typed):
    """An expression that is computed once, and how it is named from then on."""
    if typed.constant is not None:
        return typed, typed
    kept = function.temporary()
    return Typed(ast.NamedExpr(ast.Name(kept, ast.Store()), typed.node), typed.value), Typed(name(kept), typed.value)


def type_of(function, typed):
    """type(x), which converts to it where it is called."""
    return Typed(typed.node, Static(typed.type))


def float_of_text(function, text):
    """float("inf") and the like, of text that is written."""
    try:
        return function.literal(float(text.value.object))
    except (TypeError, ValueError):
        raise Unsupported(f"float of {type_name(text.value)} is not supported") from None
