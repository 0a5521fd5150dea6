"""Loads and stores that say which caches are to keep the line, cuda.ldcg and the like: what is loaded is the same."""

import ast
from typing import Any

from kernels.gpu.interpreter.conversions import Typed
from kernels.gpu.interpreter.intrinsics import CudaName, intrinsic
from kernels.gpu.interpreter.known import Static


@intrinsic("ldca", "ldcg", "ldcs", "ldlu", "ldcv")
def load(path, function, node, array, index):
    array = function.as_array(array, node.args[0])
    return function.load(array, function.index(array, node.args[1], index), node)


@intrinsic("stcg", "stcs", "stwb", "stwt")
def store(path, function, node, array, index, value):
    array = function.as_array(array, node.args[0])
    statement = function.store(array, function.index(array, node.args[1], index), value, node)
    if isinstance(statement, ast.Assign):  # which is none of the statements that a call may be
        target: Any = statement.targets[0]
        change = ast.Attribute(target.value, "__setitem__", ast.Load())
        statement = ast.Expr(ast.Call(change, [target.slice, statement.value], []))
    return Typed(statement.value, Static(None))


def named(thing):
    """Numba's own function for one of them, as which a name from outside may come, by its name in cuda."""
    is_hint = getattr(thing, "__module__", "") == "numba.cuda.cache_hints"
    return CudaName(thing.__name__) if is_hint else thing
