"""Tuples: compared, searched, cut and named, and the numbers of a `range` that stand under a name.

A tuple is a tuple when a kernel runs. That it has names is known before, so `p.x` of a named tuple is `p[0]`.
"""

import ast
import operator

from kernels.gpu.interpreter.conversions import Typed, call, number
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import (
    Iterable,
    Scalar,
    Static,
    Tuple,
    computed,
    scalar,
    type_name,
    type_to_numba,
    unknown,
)
from kernels.gpu.interpreter.typing_rules import signature, types


def is_named(thing):
    """Whether a Python object is a class of named tuples."""
    return isinstance(thing, type) and issubclass(thing, tuple) and hasattr(thing, "_fields")


def named(function, kind, arguments, keywords):
    """A call of a class of named tuples, with all its fields: Numba knows no defaults."""
    fields = kind._fields
    given = dict(zip(fields, arguments, strict=False), **keywords)
    if len(arguments) > len(fields) or set(given) != set(fields) or len(given) < len(arguments) + len(keywords):
        raise Unsupported(f"{kind.__name__} takes {', '.join(fields)}, each once")
    items = [given[field] for field in fields]
    return Typed(function.tuple_node(items), Tuple(tuple(computed(item.value) for item in items), kind))


def field(function, typed, attribute):
    """The item of a named tuple that has this name. Raises Unsupported if none has."""
    fields = getattr(typed.value.kind, "_fields", ())
    if attribute not in fields:
        names = f": its fields are {', '.join(fields)}" if fields else ""
        raise Unsupported(f"{type_name(typed.value)} has no attribute {attribute}{names}")
    return function.item_alone(typed, fields.index(attribute))


def cut(function, typed, node):
    """A part of a tuple, whose length Numba must know: t[1:], with bounds that are written or named."""
    parts = [function.expression(part) if part else None for part in (node.lower, node.upper, node.step)]
    if not all(part is None or part.value == Static(None) or is_named_number(part.value) for part in parts):
        raise Unsupported("a tuple takes a slice that is written or named only")
    places = range(len(typed.value.items))[slice(*(part and part.constant for part in parts))]
    bounds = ast.Slice(*(part and part.node for part in parts))
    items = tuple(unknown(typed.value.items[place]) for place in places)
    return Typed(ast.Subscript(typed.node, bounds, ast.Load()), Tuple(items))


def is_named_number(value):
    return isinstance(value, Scalar) and value.is_literal


def compared(function, op, left, right):
    """Two tuples compared: item by item, and in order the first that differ decide."""
    signature(op, type_to_numba(left.value), type_to_numba(right.value))
    is_order = op not in (operator.eq, operator.ne)
    lengths = [len(side.value.items) for side in (left, right)]
    if not is_order and lengths[0] != lengths[1]:
        return function.literal(op is operator.ne)
    pairs = list(alike_items(function, left, right))
    first, second = (ast.Tuple([pair[side].node for pair in pairs], ast.Load()) for side in (0, 1))
    if is_order:
        node = call("$ordered", number(op.__name__), first, second, *map(number, lengths))
        return Typed(node, scalar(types.boolean))
    same = Typed(call("$same_items", first, second), scalar(types.boolean))
    return same if op is operator.eq else function.negated(same)


def alike_items(function, left, right):
    """The numbers of two tuples that stand at the same places, pair by pair, those of tuples within them too."""
    for one, other in zip(function.items(left), function.items(right), strict=False):
        are_tuples = [isinstance(side.value, Tuple) for side in (one, other)]
        if not any(are_tuples):
            yield alike(function, one, other)
        elif all(are_tuples) and len(one.value.items) == len(other.value.items):
            yield from alike_items(function, one, other)
        else:
            raise Unsupported("tuples are compared where those within them are equally long")


def alike(function, one, other):
    """Two numbers in the types in which Numba asks whether they are equal."""
    first, second = signature(operator.eq, one.type, other.type).args
    return function.convert(one, first), function.convert(other, second)


def contains(function, container, item):
    """item in container: a tuple of one type, or a range."""
    if isinstance(container.value, Iterable) and isinstance(container.value.item, Scalar):
        if isinstance(item.type, types.Integer):
            return Typed(ast.Compare(item.node, [ast.In()], [container.node]), scalar(types.boolean))
    elif isinstance(container.value, Tuple):
        signature(operator.contains, type_to_numba(container.value), item.type)
        pairs = [alike(function, one, item) for one in function.items(container)]
        if not pairs:
            return function.literal(False)
        node = call("$contains", ast.Tuple([one.node for one, _ in pairs], ast.Load()), pairs[0][1].node)
        return Typed(node, scalar(types.boolean))
    raise Unsupported(f"{type_name(item.value)} in {type_name(container.value)} is not supported")


# Called by rewritten code


def same_items(one, other):
    """Python's own == takes an object for equal to itself, NaN too."""
    return all([a == b for a, b in zip(one, other, strict=True)])


def ordered(order, one, other, *lengths):
    """By the first items that differ; if none do, by the lengths."""
    for a, b in zip(one, other, strict=True):
        if a != b:
            return getattr(operator, order)(a, b)
    return getattr(operator, order)(*lengths)


def contains_item(items, value):
    return any([item == value for item in items])
