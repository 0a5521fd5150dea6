"""NVIDIA's library of functions, numba.cuda.libdevice, where a function of it does what one of math or of Python does.

libdevice.sinf(x)      math.sin of a float32
"""

import ast
import functools
import math

from kernels.gpu.interpreter.builtin_calls import kept_twice
from kernels.gpu.interpreter.conversions import Typed, call, number
from kernels.gpu.interpreter.known import Tuple, scalar
from kernels.gpu.interpreter.numeric_calls import converted
from kernels.gpu.interpreter.typing_rules import types

SAME = (
    *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "erf", "erfc"),
    *("exp", "exp2", "expm1", "fabs", "floor", "fmod", "hypot", "lgamma", "log", "log10", "log1p", "log2", "nextafter"),
    *("pow", "remainder", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
)
MATH = {name: getattr(math, name) for name in SAME} | {"tgamma": math.gamma}
HELPERS = {
    **{name: f"${name}" for name in ("fma", "cbrt", "fmax", "fmin", "frexp", "modf", "ldexp")},
    **{"rint": "$nearest_even", "nearbyint": "$nearest_even", "round": "$nearest_away", "rsqrt": "$rsqrt"},
}
BITS = {"popc": 32, "popcll": 64, "clz": 32, "clzll": 64, "ffs": 32, "ffsll": 64, "brev": 32, "brevll": 64}
ASKS = {
    **dict.fromkeys(("isnand", "isnanf"), math.isnan),
    **dict.fromkeys(("isinfd", "isinff"), math.isinf),
    **dict.fromkeys(("isfinited", "finitef"), math.isfinite),
}


OPERATORS = {"add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "div": ast.Div}


def of_math(named, meant, function, *arguments):
    given, result = converted(function, named, arguments)
    return function.function_of_floats(meant, given, result)


def helped(named, helper, function, *arguments):
    """A function of arithmetic.py: of one number, or of two."""
    given, result = converted(function, named, arguments)
    function.flops += 1
    items = [scalar(type_) for type_ in result] if isinstance(result, types.BaseTuple) else None
    return Typed(call(helper, *(a.node for a in given)), Tuple(tuple(items)) if items else scalar(result))


def of_bits(named, width, function, value):
    (value,), result = converted(function, named, [value])
    helper = f"${named.removeprefix('libdevice.').removesuffix('ll')}"
    return function.convert(Typed(call(helper, value.node, number(width)), scalar(types.uint64)), result)


def asks(named, meant, function, value):
    """What libdevice answers with a number, 1 or 0."""
    (value,), result = converted(function, named, [value])
    return function.convert(Typed(call(function.program.constant(meant), value.node), scalar(types.boolean)), result)


def sincos(named, function, value):
    """Sine and cosine of a number that is computed once."""
    (value,), result = converted(function, named, [value])
    first, again = kept_twice(function, value)
    parts = [function.function_of_floats(meant, [v], result[0]) for meant, v in ((math.sin, first), (math.cos, again))]
    return Typed(call("$items", *(part.node for part in parts)), Tuple(tuple(part.value for part in parts)))


def operated(named, op, function, *arguments):
    """An operation of two floats, rounded to the nearest."""
    return function.binary(op(), *converted(function, named, arguments)[0])


def with_float(name):
    """A function of float64, and its twin of float32."""
    return f"libdevice.{name}", f"libdevice.{name}f"


CALLS = {f: functools.partial(of_math, f, meant) for name, meant in MATH.items() for f in with_float(name)}
CALLS |= {f: functools.partial(helped, f, helper) for name, helper in HELPERS.items() for f in with_float(name)}
CALLS |= {f: functools.partial(of_bits, f, width) for name, width in BITS.items() if (f := f"libdevice.{name}")}
CALLS |= {f: functools.partial(asks, f, meant) for name, meant in ASKS.items() if (f := f"libdevice.{name}")}
CALLS |= {f: functools.partial(sincos, f) for f in with_float("sincos")}
CALLS |= {
    f: functools.partial(operated, f, op)
    for name, op in OPERATORS.items()
    for kind in "df"
    if (f := f"libdevice.{kind}{name}_rn") != "libdevice.dsub_rn"  # which there is none of
}
"""By the functions' names, since numba.cuda.libdevice is loaded by kernels that use it alone."""
