"""Functions of float16, cuda.fp16: each rounds once, as the instruction does."""

import ast

from kernels.gpu.interpreter.conversions import Typed, call
from kernels.gpu.interpreter.intrinsics import intrinsic
from kernels.gpu.interpreter.known import HALF, scalar

OPERATORS = {"hadd": ast.Add, "hsub": ast.Sub, "hmul": ast.Mult, "hdiv": ast.Div}
COMPARED = {"heq": ast.Eq, "hlt": ast.Lt, "hle": ast.LtE, "hgt": ast.Gt, "hge": ast.GtE}


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
