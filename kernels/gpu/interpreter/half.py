"""Functions of float16, cuda.fp16: each rounds once, as the instruction does."""

import ast
from collections.abc import Callable

import numpy as np

from kernels.gpu.interpreter.conversions import Typed, call
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.intrinsics import intrinsic
from kernels.gpu.interpreter.known import HALF, scalar

OPERATORS = {"hadd": ast.Add, "hsub": ast.Sub, "hmul": ast.Mult, "hdiv": ast.Div}
COMPARED = {"heq": ast.Eq, "hne": ast.NotEq, "hlt": ast.Lt, "hle": ast.LtE, "hgt": ast.Gt, "hge": ast.GtE}


ROUNDED: dict[str, Callable] = {
    **{f.__name__: f for f in (np.sin, np.cos, np.exp, np.exp2, np.log, np.log2, np.log10, np.sqrt)},
    **{f.__name__: f for f in (np.floor, np.ceil, np.rint, np.trunc, np.fabs)},
    "exp10": lambda x: np.power(10.0, x),
    "rcp": np.reciprocal,
    "rsqrt": lambda x: np.reciprocal(np.sqrt(x)),
}
"""Functions of one float16, of cuda.fp16 with an h before the name; of math those that are there, too."""


@intrinsic(*(f"fp16.{name}" for name in OPERATORS))
def operated(path, function, node, a, b):
    a, b = function.convert(a, HALF), function.convert(b, HALF)
    return function.binary(OPERATORS[path.removeprefix("fp16.")](), a, b)


@intrinsic(*(f"fp16.{name}" for name in COMPARED))
def compared(path, function, node, a, b):
    a, b = function.convert(a, HALF), function.convert(b, HALF)
    return function.comparison(COMPARED[path.removeprefix("fp16.")](), a, b)


@intrinsic("fp16.hneg")
def negative(function, node, value):
    return Typed(ast.UnaryOp(ast.USub(), function.convert(value, HALF).node), scalar(HALF))


@intrinsic("fp16.habs")
def absolute(function, node, value):
    return Typed(call("$abs", function.convert(value, HALF).node), scalar(HALF))


@intrinsic("fp16.hfma")
def fused(function, node, *operands):
    function.flops += 2
    return Typed(call("$fma", *(function.convert(operand, HALF).node for operand in operands)), scalar(HALF))


@intrinsic("fp16.hmax", "fp16.hmin")
def extreme(path, function, node, a, b):
    """The instruction, which prefers a number to NaN."""
    function.flops += 1
    nodes = [function.convert(side, HALF).node for side in (a, b)]
    return Typed(call(path.replace("fp16.h", "$f"), *nodes), scalar(HALF))


@intrinsic(*(f"fp16.h{name}" for name in ROUNDED if name != "fabs"))
def rounded(path, function, node, value):
    """The function of the number, rounded once: what a GPU computes of sin or exp may be the float16 next to it."""
    function.flops += 1
    compute = ROUNDED[path.removeprefix("fp16.h")]
    rounding = function.program.constant(lambda x: np.float16(compute(np.float64(x))))
    return Typed(call(rounding, function.convert(value, HALF).node), scalar(HALF))


def of_math(function, thing, argument):
    """A function of math, of a float16. Raises Unsupported."""
    if thing.__name__ not in ROUNDED:
        raise Unsupported(f"math.{thing.__name__} of float16 is not supported: convert by float32(...)")
    return rounded(f"fp16.h{thing.__name__}", function, None, argument)
