"""What a loop goes over: a range, a tuple of one type, enumerate(...) and zip(...) of such."""

import ast

from numba import types

from kernels.gpu.interpreter.conversions import Typed, call
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import Iterable, Scalar, Static, Tuple, computed, join, same_type
from kernels.gpu.interpreter.stops import Stops

LONGEST = 2**48


class Iterating(Stops):
    """Rewrites what loops go over."""

    def range(self, node):
        """The iterator of a loop, and what its variable can be."""
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        thing = self.expression(node.func).value if is_call else None
        if thing == Static(enumerate):
            return self.enumerated(node)
        if thing == Static(zip):
            return self.zipped(node)
        if thing != Static(range):
            typed = self.expression(node)
            if isinstance(typed.value, Tuple):
                return Typed(typed.node, self.item_of(typed))
            if isinstance(typed.value, Iterable):
                return Typed(typed.node, typed.value.item)
        return super().range(node)

    @staticmethod
    def item_of(typed):
        """What is known of any item of a tuple."""
        if not typed.value.items:
            raise Unsupported("a loop over a tuple without items is not supported")
        first, *others = typed.value.items
        for other in others:
            if not same_type(first, other):
                raise Unsupported(f"{ast.unparse(typed.node)} has several types: a loop goes over a tuple of one")
            first = join(first, other)
        return computed(first)

    def enumerated(self, node):
        if node.keywords or len(node.args) not in (1, 2):
            raise Unsupported("enumerate takes what it goes over, and from where it counts")
        inner = self.range(node.args[0])
        start = self.expression(node.args[1]) if len(node.args) > 1 else self.literal(0)
        start = self.convert(start, types.int64)
        count = Scalar(types.int64, start.value.low, min(start.value.high + LONGEST, 2**63 - 1))
        return Typed(call("$enumerate", inner.node, start.node), Tuple((count, inner.value)))

    def zipped(self, node):
        if node.keywords or not node.args:
            raise Unsupported("zip takes what it goes over, one or more")
        inner = [self.range(argument) for argument in node.args]
        return Typed(call("$zip", *(typed.node for typed in inner)), Tuple(tuple(typed.value for typed in inner)))

    def iterable(self, node):
        """A call of range, enumerate or zip that stands elsewhere than in a loop."""
        typed = self.range(node)
        return Typed(typed.node, Iterable(typed.value))


ITERABLES = (range, enumerate, zip)
