"""Structured arrays in a kernel: their elements, records, and the fields of these.

A record is a place in memory, as a view is: `r = a[i]` copies nothing, and `r.x = 1` changes the array. `a[i].x`,
`a[i]["x"]`, `a.x[i]` and `a["x"][i]` are the same element.
"""

import ast

from kernels.gpu.interpreter.conversions import Typed, call, name, number
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import (
    NUMPY,
    Array,
    Record,
    Scalar,
    Static,
    dtype_of,
    of_numba,
    same_type,
    type_name,
    type_to_numba,
)
from kernels.gpu.interpreter.times import Times
from kernels.gpu.interpreter.typing_rules import attribute, types


class Records(Times):
    """Rewrites what names fields and records."""

    @staticmethod
    def method(array, method, *arguments):
        """A call of a method of a checked array."""
        return ast.Call(ast.Attribute(array.node, method, ast.Load()), list(arguments), [])

    def field_name(self, base, index):
        """The field that stands in brackets behind a record, or an array of them; None if none does."""
        dtype = base.value.type if isinstance(base.value, Record) else getattr(base.value, "dtype", None)
        if not isinstance(dtype, types.Record):
            return None
        if isinstance(index.value, Static) and isinstance(index.value.object, str):
            return index.value.object
        if isinstance(base.value, Record):
            if isinstance(index.value, Scalar) and index.value.is_literal and 0 <= index.constant < len(dtype.fields):
                return list(dtype.fields)[index.constant]
            raise Unsupported(f"{self.array_name(base)} is a record: its fields are {', '.join(dtype.fields)}")
        return None

    def field(self, base, field, place) -> Typed:
        """A field of a record, or of all records of an array."""
        if isinstance(base.value, Record):
            kind = self.field_type(base, field)
            if isinstance(kind, types.Array | types.Record):
                return self.field_view(base, field, of_numba(kind), place)
            array, index = self.place_of_field(base, field, place)
            return self.load(array, index, place)
        self.field_type(base, field)
        kind = attribute(type_to_numba(base.value), field)
        return self.field_view(base, field, of_numba(kind), place)

    def field_type(self, base, field):
        """Numba's type of a field. Raises Unsupported for a name that no field has."""
        dtype = base.value.type if isinstance(base.value, Record) else base.value.dtype
        if field not in dtype.fields:
            fields = ", ".join(dtype.fields)
            raise Unsupported(f"{self.array_name(base)} has no field {field}: its fields are {fields}")
        kind = dtype.typeof(field)
        element = kind.dtype if isinstance(kind, types.Array) else kind
        if not (isinstance(element, types.Record) or element in NUMPY):
            raise Unsupported(f"{self.array_name(base)}.{field}: fields of {element} are not supported")
        if isinstance(base.value, Record) and not isinstance(element, types.Record):
            offset, size = dtype.offset(field), dtype_of(element).alignment
            if offset % size:
                problem = f"lies {offset} bytes behind the beginning of its record, no multiple of {size}"
                raise Unsupported(f"{self.array_name(base)}.{field} {problem}: give the dtype align=True")
        return kind

    def field_view(self, base, field, value, place):
        self.program.has_views = True
        if self.program.checked:
            node: ast.expr = self.method(base, "field", number(field))
        else:
            node = ast.Subscript(base.node, number(field), ast.Load())
        return Typed(node, value, ast.unparse(place))

    def place_of_field(self, record, field, place):
        """(array, index) by which a number among the fields of a record is loaded and stored."""
        value = Array(self.field_type(record, field), 0)
        if not self.program.checked:
            return Typed(record.node, value, ast.unparse(place)), number(field)
        return self.field_view(record, field, value, place), ast.Tuple([], ast.Load())

    def assign_field(self, record, field, value, target):
        """A statement that stores into a field of a record."""
        kind = self.field_type(record, field)
        if isinstance(kind, types.Array):
            return self.copy_array(self.field_view(record, field, of_numba(kind), target), value, target)
        if isinstance(kind, types.Record):
            return self.copy_record(self.place_of_field(record, field, target), value, target)
        array, index = self.place_of_field(record, field, target)
        return self.store(array, index, value, target)

    def copy_array(self, array, value, target):
        """A statement that stores an array into an array of a record: as Numba does, byte by byte."""
        wanted, given = array.value, value.value
        if not (isinstance(given, Array) and same_type(given, wanted) and given.layout == "C"):
            text, found = f"{ast.unparse(target)} is an array of a record", type_name(given)
            raise Unsupported(f"{text}, which takes a contiguous {type_name(wanted)}, and no {found}")
        if not self.program.checked:
            return ast.Expr(call("$assign", array.node, value.node))
        sites = self.access(value, target, "load"), self.access(array, target, "store")
        return ast.Expr(self.method(array, "assign", value.node, *sites))

    def copy_record(self, place, value, target):
        """A statement that stores one record into another: `place` is (array, index)."""
        array, index = place
        if not (isinstance(value.value, Record) and value.value.type == array.value.dtype):
            raise Unsupported(f"{ast.unparse(target)} is a record, which {type_name(value.value)} is not stored into")
        if not self.program.checked:
            return ast.Assign([ast.Subscript(array.node, index, ast.Store())], value.node)
        source = Typed(value.node, array.value, value.label)
        loaded = self.method(source, "load", ast.Tuple([], ast.Load()), self.access(source, target, "load"))
        return ast.Expr(self.method(array, "store", index, loaded, self.access(array, target, "store")))

    def held(self, thing):
        """Statements that give an array or a record a name, and it by that name: made once, it is used twice."""
        if isinstance(thing.node, ast.Name):
            return [], thing
        statement = ast.Assign([ast.Name("$held", ast.Store())], thing.node)
        return [statement], Typed(name("$held"), thing.value, self.array_name(thing))

    def place(self, target):
        """What a target names, to be loaded and stored: (statements, array, index). They find it, once for both."""
        if isinstance(target, ast.Subscript) and (flat := self.flat_element(target)) is not None:
            before, array = self.held(flat[0])
            return [*before, ast.Assign([ast.Name("$index", ast.Store())], flat[1])], array, name("$index")
        if isinstance(target, ast.Attribute):
            base, field = self.expression(target.value), target.attr
        else:
            base, index = self.expression(target.value), self.expression(target.slice)
            field = self.field_name(base, index)
        if isinstance(base.value, Record):
            if isinstance(self.field_type(base, field), types.Array | types.Record):
                raise Unsupported(f"{ast.unparse(target)} is no number, which {ast.unparse(target)} += ... needs")
            before, base = self.held(base)
            return before, *self.place_of_field(base, field, target)
        if isinstance(target, ast.Attribute):
            raise Unsupported(f"assignment to {ast.unparse(target)} is not supported")
        before, array = self.held(self.as_array(base, target.value))
        kept = ast.Assign([ast.Name("$index", ast.Store())], self.index(array, target.slice, index))
        return [*before, kept], array, name("$index")
