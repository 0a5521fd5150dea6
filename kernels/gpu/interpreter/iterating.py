"""What a loop goes over: a range, an array, a tuple of one type, enumerate(...) and zip(...) of such, indices."""

import ast

import numpy as np

from kernels.gpu.interpreter import hints
from kernels.gpu.interpreter.conversions import Typed, call, name
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import Array, Iterable, Scalar, Tuple, computed, join, same_type
from kernels.gpu.interpreter.typing_rules import signature, types
from kernels.gpu.interpreter.views import Views

LONGEST = 2**48


class Iterating(Views):
    """Rewrites what loops go over."""

    def iterator(self, node):
        """The iterator of a loop, and what its variable can be."""
        typed = self.expression(node)
        match typed.value:
            case Array():
                return self.over(typed, node)
            case Tuple() if not typed.value.is_vector:
                return Typed(typed.node, self.item_of(typed))
            case Iterable(item):
                return Typed(typed.node, item)
        raise Unsupported(hints.NO_RANGE)

    def numbers(self, node):
        if node.keywords:
            raise Unsupported("range takes no keyword arguments")
        arguments = [self.expression(argument) for argument in node.args]
        type_ = signature(range, *(argument.type for argument in arguments)).return_type.dtype
        arguments = [self.convert(argument, type_) for argument in arguments]
        start, stop, step = Scalar(type_, 0, 0), arguments[0].value, Scalar(type_, 1, 1)
        if len(arguments) > 1:
            start, stop = arguments[0].value, arguments[1].value
        if len(arguments) > 2:
            step = arguments[2].value
        low = start.low if step.low > 0 else min(start.low, stop.low + 1)
        high = start.high if step.high < 0 else max(start.high, stop.high - 1)
        iterator = call("$range", *(argument.node for argument in arguments))
        return Typed(ast.copy_location(iterator, node), Scalar(type_, low, high))

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
        inner = self.iterator(node.args[0])
        start = self.expression(node.args[1]) if len(node.args) > 1 else self.literal(0)
        start = self.convert(start, types.int64)
        count = Scalar(types.int64, start.value.low, min(start.value.high + LONGEST, 2**63 - 1))
        return Typed(call("$enumerate", inner.node, start.node), Tuple((count, inner.value)))

    def zipped(self, node):
        if node.keywords or not node.args:
            raise Unsupported("zip takes what it goes over, one or more")
        inner = [self.iterator(argument) for argument in node.args]
        return Typed(call("$zip", *(typed.node for typed in inner)), Tuple(tuple(typed.value for typed in inner)))

    def indices(self, node):
        """np.ndindex(2, 3), or of a tuple."""
        shape = self.expression(node.args[0]) if len(node.args) == 1 else self.visit_Tuple(ast.Tuple(node.args))
        extents = self.items(shape) if isinstance(shape.value, Tuple) else [shape]
        if node.keywords or not extents:
            raise Unsupported("np.ndindex takes the extents of axes, one or more")
        extents = [self.convert(extent, types.int64) for extent in extents]
        found = Tuple(tuple(Scalar(types.int64, 0, max(0, extent.value.high - 1)) for extent in extents))
        return Typed(call("$ndindex", self.tuple_node(extents)), found)

    def indices_and_elements(self, node):
        """np.ndenumerate of an array."""
        if node.keywords or len(node.args) != 1:
            raise Unsupported("np.ndenumerate takes an array")
        array = self.array(node.args[0])
        index = Tuple((Scalar(types.int64, 0, self.program.largest),) * array.value.ndim)
        kept = name(self.temporary())
        first = ast.NamedExpr(ast.Name(kept.id, ast.Store()), array.node)
        elements = self.over(Typed(kept, array.value, self.array_name(array)), node.args[0], is_flat=True)
        node = call("$zip", call("$ndindex", ast.Attribute(first, "shape", ast.Load())), elements.node)
        return Typed(node, Tuple((index, elements.value)))

    def iterated(self, node):
        """iter of what a loop goes over."""
        if node.keywords or len(node.args) != 1:
            raise Unsupported("iter takes what it goes over")
        inner = self.iterator(node.args[0])
        return Typed(call("$iter", inner.node), inner.value)

    def elements(self, node):
        """np.nditer, which Numba's own functions use."""
        raise Unsupported(hints.unsupported("np.nditer", "go over x.flat, or over the indices of np.ndindex(x.shape)"))

    def iterable(self, function, node):
        """A call of a function that gives something to go over."""
        typed = getattr(self, ITERABLES[function])(node)
        return Typed(typed.node, Iterable(typed.value))


ITERABLES = {
    iter: "iterated",
    np.nditer: "elements",
    range: "numbers",
    enumerate: "enumerated",
    zip: "zipped",
    np.ndindex: "indices",
    np.ndenumerate: "indices_and_elements",
}
