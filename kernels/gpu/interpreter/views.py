"""Views of arrays in a kernel: rows and slices, other shapes and types, loops over elements. See viewable.py.

Numba's own typing says what a view is, above all how its elements lie in memory: what is not contiguous has no other
shape.
"""

import ast
import enum
import operator

import numpy as np

from kernels.gpu.interpreter import borrowed, enumerations, hints, tuples, whole_arrays
from kernels.gpu.interpreter.conversions import Typed, call, name, number
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import (
    COMPLEX,
    NUMPY,
    Array,
    Iterable,
    Record,
    Scalar,
    Slice,
    Static,
    Tuple,
    dtype_of,
    is_integer,
    is_time,
    numba_type,
    of_numba,
    scalar,
    type_name,
    type_to_numba,
)
from kernels.gpu.interpreter.records import Records
from kernels.gpu.interpreter.typing_rules import attribute, signature, types

METHODS = ("reshape", "view", "transpose", "fill", "item", *borrowed.METHODS)


class Method:
    """A method of an array, or of a number, named and not yet called."""

    def __init__(self, array, name):
        self.array, self.__name__ = array, name


class Views(Records):
    """Rewrites what gives a view of an array."""

    def visit_Slice(self, node):
        return self.slice([part and self.expression(part) for part in (node.lower, node.upper, node.step)])

    def slice(self, parts):
        """A slice of these bounds, of which some may be None, and of a step if there are three."""
        is_open = [part is None or part.value == Static(None) for part in parts]
        bounds = [number(None) if o else self.convert(p, types.int64).node for o, p in zip(is_open, parts, strict=True)]
        return Typed(call("$slice", *bounds), Slice(has_step=len(parts) == 3 and parts[2] is not None))

    def visit_Constant(self, node):
        if node.value is Ellipsis:
            return Typed(number(Ellipsis), Static(Ellipsis))
        return super().visit_Constant(node)

    # What is in the brackets

    def visit_Subscript(self, node):
        if (flat := self.flat_element(node)) is not None:
            array, number_of_it = flat
            return self.load(array, number_of_it, node)
        base = self.expression(node.value)
        if isinstance(base.value, Tuple) and base.value.is_vector:
            parts = ", ".join(base.value.kind._fields)
            raise Unsupported(f"{type_name(base.value)} has no elements: its parts are {parts}")
        if isinstance(base.value, Tuple) and isinstance(node.slice, ast.Slice):
            return tuples.cut(self, base, node.slice)
        if isinstance(base.value, Tuple):
            return self.item_at(base, self.expression(node.slice))
        index = self.expression(node.slice)
        if field := self.field_name(base, index):
            return self.field(base, field, node)
        if isinstance(base.value, Static) and isinstance(base.value.object, enum.EnumMeta):
            return enumerations.named(self, base.value.object, index)
        base = self.as_array(base, node.value)
        if self.chooses_part(base, index):
            return self.part(base, index, node)
        return self.load(base, self.index(base, node.slice, index), node)

    def assign_element(self, target, value):
        """Statements that store into what a subscript names: an element, all those of a part, or a field."""
        if (flat := self.flat_element(target)) is not None:
            array, number_of_it = flat
            return [self.store(array, number_of_it, value, target)]
        base, index = self.expression(target.value), self.expression(target.slice)
        if isinstance(base.value, Record):
            return [self.assign_field(base, self.field_name(base, index), value, target)]
        array = self.as_array(base, target.value)
        if self.chooses_part(array, index):
            part = self.part(array, index, target)
            if isinstance(part.value, Record):
                place = Typed(part.node, Array(part.value.type, 0), part.label), ast.Tuple([], ast.Load())
                return [self.copy_record(place if self.program.checked else (array, index.node), value, target)]
            return [self.fill(array, index, value, target)]
        return [self.store(array, self.index(array, target.slice, index), value, target)]

    def chooses_part(self, array, index):
        """Whether an index chooses a view: it has slices, or fewer integers than there are axes, or finds a record."""
        items = index.value.items if isinstance(index.value, Tuple) else (index.value,)
        if not all(map(is_index, items)):
            return False
        axes = [item for item in items if isinstance(item, Scalar | Slice)]
        has_others = any(not isinstance(item, Scalar) for item in items)
        is_record = isinstance(array.value.dtype, types.Record) and len(axes) == array.value.ndim
        return has_others or is_record or len(axes) < array.value.ndim

    def part(self, array, index, place) -> Typed:
        """The view that an index chooses."""
        items = index.value.items if isinstance(index.value, Tuple) else (index.value,)
        kinds = [numba_of_index(item) for item in items]
        key = types.BaseTuple.from_types(kinds) if isinstance(index.value, Tuple) else kinds[0]
        value = of_numba(signature(operator.getitem, type_to_numba(array.value), key).return_type)
        self.program.has_views = True
        if self.program.checked:
            node = self.method(array, "part", index.node, self.view_site(array, place))
        else:
            node = ast.Subscript(array.node, index.node, ast.Load())
        return Typed(node, value, ast.unparse(place))

    def view_site(self, array, place):
        return number(self.program.site_number(self.site(place, self.array_name(array), "sync")))

    def fill(self, array, index, value, place):
        """A statement that stores a number into all elements of a part."""
        if not isinstance(value.value, Scalar):
            text = f"{ast.unparse(place)} is set to {type_name(value.value)}"
            raise Unsupported(f"{text}: a part of an array takes one number; {hints.LOOP}")
        part = self.part(array, index, place)
        if self.program.checked:
            value = self.convert(value, array.value.dtype)
            return ast.Expr(self.method(part, "fill", value.node, self.access(array, place, "store")))
        return self.store(array, index.node, value, place)

    # Attributes and methods

    def array_attribute(self, array, what, place) -> Typed | None:
        """An attribute of an array that is a view, or tells how it lies in memory; None if it is no such."""
        itemsize = dtype_of(array.value.dtype).itemsize
        match what:
            case "flat":
                elements = self.over(array, place, is_flat=True)
                return Typed(elements.node, Iterable(elements.value))
            case "T":
                return self.transposed(array, place)
            case "real" | "imag" if array.value.dtype in COMPLEX:
                part = attribute(type_to_numba(array.value), what)
                self.program.recast.add(dtype_of(part.dtype))
                return self.viewed(ast.Attribute(array.node, what, ast.Load()), part, place)
            case "strides":
                strides = Tuple((scalar(types.int64),) * array.value.ndim)
                return Typed(ast.Attribute(array.node, "strides", ast.Load()), strides)
            case "itemsize":
                return Typed(number(itemsize), Scalar(types.int64, itemsize, itemsize))
            case "nbytes":
                size = ast.Attribute(array.node, "size", ast.Load())
                return Typed(ast.BinOp(size, ast.Mult(), number(itemsize)), Scalar(types.int64, 0, 2**62))
            case _ if what in METHODS:
                return Typed(number(None), Static(Method(array, what)))
        is_field = what in getattr(array.value.dtype, "fields", ())
        return self.field(array, what, place) if is_field else None

    def call_method(self, method, arguments, place, keywords) -> Typed:
        """A call of a method of an array: what it gives is a view of it, or a number."""
        array, what = method.array, method.__name__
        if what == "item" and not (arguments or keywords):
            is_number = isinstance(array.value, Scalar)
            return array if is_number else self.program.call_at(self, place, whole_arrays.item, [array])
        if what in borrowed.METHODS:
            return self.program.borrow_at(self, place, getattr(np, what), [array, *arguments], keywords)
        if keywords:
            raise Unsupported(f"{self.array_name(array)}.{what} takes no keyword arguments here")
        if what == "transpose" and not arguments:
            return self.transposed(array, place)
        if what == "reshape" and arguments:
            return self.reshaped(array, arguments, place)
        if what == "view" and len(arguments) == 1:
            return self.recast(array, arguments[0], place)
        if what == "fill" and len(arguments) == 1:
            return self.filled(array, arguments[0], place)
        raise Unsupported(f"{self.array_name(array)}.{what} with {len(arguments)} arguments is not supported")

    def viewed(self, node, type_, place):
        self.program.has_views = True
        return Typed(node, of_numba(type_), ast.unparse(place))

    def transposed(self, array, place):
        type_ = attribute(type_to_numba(array.value), "T")
        return self.viewed(ast.Attribute(array.node, "T", ast.Load()), type_, place)

    def reshaped(self, array, arguments, place):
        shape = arguments[0] if isinstance(arguments[0].value, Tuple) and len(arguments) == 1 else None
        items = [self.item(shape, i) for i in range(len(shape.value.items))] if shape else arguments
        kinds = [item.type for item in items]
        method = attribute(type_to_numba(array.value), "reshape")
        try:
            type_ = signature(method, types.BaseTuple.from_types(kinds)).return_type
        except Unsupported:
            problem = f"{self.array_name(array)} is not contiguous, as Numba asks of what takes another shape"
            raise Unsupported(problem if all(map(is_integer, kinds)) else "a shape is made of integers") from None
        nodes = ast.Tuple([self.convert(item, types.int64).node for item in items], ast.Load())
        if self.program.checked:
            return self.viewed(self.method(array, "reshape", nodes), type_, place)
        return self.viewed(call("$reshaped", array.node, nodes), type_, place)

    def recast(self, array, dtype, place):
        thing = dtype.value.object if isinstance(dtype.value, Static) else None
        if isinstance(thing, types.Record) or (isinstance(thing, types.Type) and thing in NUMPY):
            wanted = thing
        elif isinstance(thing, np.dtype) or (isinstance(thing, type) and issubclass(thing, np.generic)):
            wanted = numba_type(thing)
        else:
            text = ast.unparse(place.args[0])
            raise Unsupported(f"{text} is no dtype to view an array as: give a type of Numba or of NumPy, as int32")
        method = attribute(type_to_numba(array.value), "view")
        type_ = signature(method, types.DType(wanted)).return_type
        found = dtype_of(wanted)
        self.program.recast.add(found)
        node = name(self.program.constant(found))
        if self.program.checked:
            return self.viewed(self.method(array, "recast", node), type_, place)
        return self.viewed(call("$recast", array.node, node), type_, place)

    def filled(self, array, value, place):
        dtype = array.value.dtype
        value = self.convert(value, dtype)
        self.program.has_views = True
        if self.program.checked:
            return Typed(self.method(array, "fill", value.node, self.access(array, place, "store")), Static(None))
        return Typed(call("$fill", array.node, value.node), Static(None))

    # Loops

    def unpacked(self, array, count, target):
        """Statements that find so many elements, or rows, and each of them under a name of its own."""
        before, array = self.held(array)
        before.append(ast.Expr(call("$unpackable", array.node, number(count))))
        items = []
        for i in range(count):
            index = Typed(number(i), Scalar(types.int64, i, i))
            is_view = self.chooses_part(array, index)
            item = self.part(array, index, target) if is_view else self.load(array, index.node, target)
            kept = self.temporary()
            before.append(ast.Assign([ast.Name(kept, ast.Store())], item.node))
            items.append(Typed(name(kept), item.value, item.label))
        return before, items

    def over(self, array, node, is_flat=False) -> Typed:
        """The iterator of a loop over an array, which stands at a node: over its rows, or if flat over its elements."""
        element = of_numba(array.value.dtype)
        convert = "$int" if is_integer(array.value.dtype) or is_time(array.value.dtype) else "$same"
        is_view = (array.value.ndim > 1 and not is_flat) or isinstance(element, Record)
        if is_view and not is_flat:
            kind = signature(operator.getitem, type_to_numba(array.value), types.intp).return_type
            element, convert, self.program.has_views = of_numba(kind), "$same", True
        elif array.value.dtype == types.boolean:
            convert = "$bool"
        self.program.looks += 1
        helper = "$iterate_flat" if is_flat else "$iterate"
        if not self.program.checked:
            iterator = call(helper, array.node, name(convert))
        else:
            site = self.view_site(array, node) if is_view else self.access(array, node, "load")
            what = number("part" if is_view else "load")
            iterator = call(f"{helper}_checked", array.node, name(convert), what, site)
        # Under a name, where standstill.py sees it.
        return Typed(ast.NamedExpr(ast.Name(self.temporary(), ast.Store()), iterator), element)


def is_index(value):
    """Whether something may stand in the brackets behind an array."""
    if isinstance(value, Scalar):
        return is_integer(value.type)
    return isinstance(value, Slice) or (isinstance(value, Static) and value.object in (None, Ellipsis))


def numba_of_index(value):
    """Numba's type of an item of an index."""
    match value:
        case Slice(has_step):
            return types.slice3_type if has_step else types.slice2_type
        case Static(thing):
            return types.none if thing is None else types.ellipsis
    return value.type
