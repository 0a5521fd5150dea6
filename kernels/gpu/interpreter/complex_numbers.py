"""Complex numbers: what operators, attributes and functions of them become.

    z * w + 1              (z, w complex64)
    $complex128($multiply(z, w)) + (1+0j)

A complex128 is a Python complex, a complex64 a np.complex64. Sums are Python's own; products are written out, so that
no processor contracts them; what Numba itself writes in Python, quotients, powers and the functions of cmath, is taken
from Numba, see borrowed.py.
"""

import ast
import cmath
import math

from kernels.gpu.interpreter.conversions import Typed, call, name
from kernels.gpu.interpreter.known import COMPLEX, Scalar, scalar
from kernels.gpu.interpreter.typing_rules import signature, types

ASKS = (cmath.isnan, cmath.isinf, cmath.isfinite)
OF_PARTS = (cmath.exp, cmath.log)  # Numba's functions of (real, imag, real is finite, imag is finite)
FLOPS = {ast.Add: 2, ast.Sub: 2, ast.Mult: 6, ast.Div: 9, ast.Pow: 1}


def is_complex(typed):
    return isinstance(typed.value, Scalar) and typed.type in COMPLEX


def is_function(thing, arguments):
    """Whether a call of a function is one of complex numbers."""
    is_of_complex = thing is complex or getattr(thing, "__module__", "") == "cmath"
    return is_of_complex or any(map(is_complex, arguments))


def binary(function, op, operator, left, right):
    """An operation of two numbers, one of them complex. Raises Unsupported for what Numba has not."""
    typing = signature(operator, left.type, right.type)
    type_ = typing.return_type
    left, right = function.convert(left, type_), function.convert(right, type_)
    function.flops += FLOPS[type(op)]
    if isinstance(op, ast.Mult):
        return Typed(call("$multiply", left.node, right.node), scalar(type_))
    if isinstance(op, ast.Add | ast.Sub):
        return Typed(ast.BinOp(left.node, op, right.node), scalar(type_))
    return function.borrow(operator, (left, right))


def part(function, typed, attribute):
    """The real or the imaginary part of a number, which for a real number is zero."""
    if is_complex(typed):
        type_ = types.float32 if typed.type == types.complex64 else types.float64
        return Typed(ast.Attribute(typed.node, attribute, ast.Load()), scalar(type_))
    type_ = typed.type
    return typed if attribute == "real" else function.convert(function.literal(0), type_)


def conjugate(typed):
    return Typed(call("$conjugate", typed.node), scalar(typed.type)) if is_complex(typed) else typed


def constructed(function, arguments):
    """complex(real, imag), or of one number."""
    if len(arguments) == 1 and is_complex(arguments[0]):
        return function.convert(arguments[0], signature(complex, arguments[0].type).return_type)
    typing = signature(complex, *(argument.type for argument in arguments))
    real = types.float32 if typing.return_type == types.complex64 else types.float64
    parts = [function.convert(argument, real).node for argument in arguments]
    return Typed(call(f"${typing.return_type}", call("$complex128", *parts)), scalar(typing.return_type))


def called(function, thing, arguments):
    """A function of complex numbers: of cmath, of operator, or a builtin."""
    if thing is complex:
        return constructed(function, arguments)
    if thing in ASKS:
        typing = signature(thing, *(argument.type for argument in arguments))
        nodes = [function.convert(a, type_).node for a, type_ in zip(arguments, typing.args, strict=True)]
        return Typed(call(function.program.constant(thing), *nodes), scalar(types.boolean))
    if thing is bool:
        return function.convert(arguments[0], types.boolean)
    function.flops += 1
    if thing in OF_PARTS and len(arguments) == 1:
        z = function.convert(arguments[0], signature(thing, arguments[0].type).args[0])
        return function.borrow(thing, [z], parts_and_finiteness(function, z))
    return function.borrow(thing, arguments)


def parts_and_finiteness(function, z):
    """Real and imaginary part of a number, and whether each is finite."""
    kept = name(function.temporary())
    first = ast.NamedExpr(ast.Name(kept.id, ast.Store()), z.node)
    real, imag = part(function, Typed(first, z.value), "real"), part(function, Typed(kept, z.value), "imag")
    real_again = part(function, Typed(kept, z.value), "real")
    isfinite = function.program.constant(math.isfinite)
    finite = [Typed(call(isfinite, typed.node), scalar(types.boolean)) for typed in (real_again, imag)]
    return real, imag, *finite
