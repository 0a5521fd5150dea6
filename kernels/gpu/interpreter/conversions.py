"""Rewritten expressions, and how one becomes another type: literals, conversions, integers that wrap.

float64 is a Python float, float32 a np.float32, float16 a np.float16, complex128 and complex64 likewise, an integer a
Python int within the bounds of its type.
"""

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.gpu.interpreter import arithmetic, hints
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import (
    COMPLEX,
    FLOATS,
    HALF,
    NUMPY,
    Array,
    Scalar,
    Static,
    Tuple,
    bounds,
    constant,
    is_integer,
    numba_type,
    same_type,
    scalar,
    type_name,
    unknown,
)
from kernels.gpu.interpreter.typing_rules import types

EXACT_IN_FLOAT64 = 2**53


@dataclass(frozen=True)
class Typed:
    """A rewritten expression and what is known of its value."""

    node: ast.expr
    value: Any  # one of known.py
    label: str = ""
    """Of a view that has no name: what stands for it in the source."""

    @property
    def type(self):
        if isinstance(self.value, Static):
            hint = hints.of_name(self.value.object)
            raise Unsupported(f"{type_name(self.value)} stands where a number is needed{hint}")
        if not isinstance(self.value, Scalar):
            hint = f": take an element, as {ast.unparse(self.node)}[i]" if isinstance(self.value, Array) else ""
            raise Unsupported(f"{ast.unparse(self.node)} is {type_name(self.value)} where a number is needed{hint}")
        return self.value.type

    @property
    def constant(self):
        return self.value.constant if isinstance(self.value, Scalar) else None


def name(identifier):
    return ast.Name(identifier, ast.Load())


def call(function, *arguments):
    """A call of one of the interpreter's own functions. Their names start with $, so no kernel can hide them."""
    return ast.Call(name(function), list(arguments), [])


def number(value):
    return ast.Constant(value)


class Conversions:
    """Literals and conversions in a function of a rewritten kernel, see rewritten.py and source.Source."""

    temporaries = 0

    def __init__(self, program, source):
        self.program, self.source = program, source

    def temporary(self):
        """A name that nothing else has."""
        self.temporaries += 1
        return f"${self.temporaries}"

    def literal(self, value) -> Typed:
        """A Python object that is known before the run."""
        if isinstance(value, bool | np.bool_):
            return Typed(number(bool(value)), constant(types.boolean, bool(value)))
        if isinstance(value, int):
            type_ = types.int64 if value <= bounds(types.int64)[1] else types.uint64
            if not bounds(types.int64)[0] <= value <= bounds(types.uint64)[1]:
                raise Unsupported(f"{value} has more than 64 bits")
            is_literal = type(value) is int  # and no member of an IntEnum
            return Typed(number(int(value)), Scalar(type_, int(value), int(value), is_literal))
        if isinstance(value, float) and not isinstance(value, np.floating):
            return Typed(number(value), constant(types.float64, value))
        if isinstance(value, np.float16 | np.float32 | np.complex64):
            return Typed(name(self.program.constant(value)), constant(numba_type(value.dtype), value))
        if isinstance(value, complex):
            return Typed(number(complex(value)), scalar(types.complex128))
        if isinstance(value, np.generic):
            return Typed(number(value.item()), constant(numba_type(value.dtype), value.item()))
        if isinstance(value, tuple):
            items = [self.literal(item) for item in value]
            kind = type(value) if hasattr(value, "_fields") else None
            return Typed(self.tuple_node(items), Tuple(tuple(item.value for item in items), kind))
        return Typed(number(None), Static(value))

    @staticmethod
    def tuple_node(items):
        return ast.Tuple([item.node for item in items], ast.Load())

    def convert(self, typed, type_) -> Typed:
        """The value as another Numba type."""
        source = typed.type
        if source == type_:
            return typed
        if isinstance(type_, types.Number) and type_ not in NUMPY:
            raise Unsupported(f"{type_} is no type of NumPy: emulate the kernel")
        if typed.constant is not None:
            return self.literal(cast_constant(typed.constant, type_))
        node, value = typed.node, typed.value
        if type_ == types.boolean:
            return Typed(ast.Compare(node, [ast.NotEq()], [number(0)]), scalar(type_))
        if type_ in COMPLEX:
            if source not in COMPLEX:
                node = self.convert(typed, types.float32 if type_ == types.complex64 else types.float64).node
            return Typed(call(f"${type_}", node), scalar(type_))
        if source in COMPLEX:
            raise Unsupported(f"{ast.unparse(node)}: {source} does not convert to {type_}: take its real part, .real")
        if is_integer(type_):
            if source == HALF:  # the only float that Numba rounds to the nearest integer
                node = call("$nearest_even", node)
            if source in (HALF, *FLOATS):
                return Typed(call("$to_integer", node, *map(number, bounds(type_))), scalar(type_))
            if source == types.boolean:
                return Typed(call("$int", node), Scalar(type_, 0, 1))
            return self.integer(node, value.low, value.high, type_)
        if type_ == types.float64:
            return Typed(call("$float", node), scalar(type_))
        if type_ == HALF:
            return Typed(call("$float16", node), scalar(type_))
        if type_ == types.float32:
            if is_integer(source) and max(-value.low, value.high) > EXACT_IN_FLOAT64:
                node = call("$int64" if source.signed else "$uint64", node)
            return Typed(call("$float32", node), scalar(type_))
        raise Unsupported(f"{ast.unparse(node)}: {source} does not convert to {type_}")

    def integer(self, node, low, high, type_) -> Typed:
        """An integer that could lie from low to high, brought into its type if it could leave it."""
        smallest, largest = bounds(type_)
        if smallest <= low and high <= largest:
            if low == high and not has_effects(node):
                node = number(low)
            return Typed(node, Scalar(type_, low, high))
        if not type_.signed:
            return Typed(ast.BinOp(node, ast.BitAnd(), number(largest)), scalar(type_))
        # ($ if smallest <= ($ := node) <= largest else wrap($)): the common case costs two comparisons.
        kept = ast.NamedExpr(ast.Name("$", ast.Store()), node)
        inside = ast.Compare(number(smallest), [ast.LtE(), ast.LtE()], [kept, number(largest)])
        wrapped = call("$wrap", name("$"), number(smallest), number(largest))
        return Typed(ast.IfExp(inside, name("$"), wrapped), scalar(type_))

    def represent(self, typed, value) -> Typed:
        """The expression converted to the type of `value`, elementwise if it is a tuple."""
        if isinstance(value, Scalar):
            return Typed(self.convert(typed, value.type).node, value)
        if same_type(typed.value, value) or not isinstance(value, Tuple):
            return Typed(typed.node, value)
        items = [self.represent(*pair) for pair in zip(self.items(typed), value.items, strict=True)]
        return Typed(self.tuple_node(items), value)

    def items(self, typed) -> list[Typed]:
        """All items of a tuple, which is computed once, where the first of them is."""
        if isinstance(typed.node, ast.Tuple | ast.Name):
            return [self.item(typed, i) for i in range(len(typed.value.items))]
        kept = name(self.temporary())
        first = ast.NamedExpr(ast.Name(kept.id, ast.Store()), typed.node)
        return [self.item(Typed(kept if i else first, typed.value), i) for i in range(len(typed.value.items))]

    @staticmethod
    def item(typed, i) -> Typed:
        """Item i of a tuple."""
        if isinstance(typed.node, ast.Tuple):
            return Typed(typed.node.elts[i], typed.value.items[i])
        return Typed(ast.Subscript(typed.node, number(i), ast.Load()), typed.value.items[i])

    def item_alone(self, typed, i) -> Typed:
        """Item i of a tuple of which no other is used: if computing those does anything, they are computed too."""
        others = typed.node.elts if isinstance(typed.node, ast.Tuple) else []
        if any(has_effects(other) for place, other in enumerate(others) if place != i):
            return Typed(ast.Subscript(typed.node, number(i), ast.Load()), unknown(typed.value.items[i]))
        return self.item(typed, i)


def has_effects(node):
    """Whether evaluating the expression does more than give a value."""
    return any(isinstance(part, ast.Call | ast.Yield | ast.YieldFrom | ast.NamedExpr) for part in ast.walk(node))


def cast_constant(value, type_):
    """A known number as a NumPy scalar of a Numba type."""
    if is_integer(type_):
        low, high = bounds(type_)
        is_float = isinstance(value, float | np.floating)
        value = arithmetic.to_integer(value, low, high) if is_float else arithmetic.wrap(int(value), low, high)
    with np.errstate(all="ignore"):
        if type_ in (types.float32, types.complex64) and isinstance(value, int) and abs(value) > EXACT_IN_FLOAT64:
            value = np.int64(value) if value < 2**63 else np.uint64(value)
        return NUMPY[type_](value)
