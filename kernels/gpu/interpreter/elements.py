"""Elements of arrays and tuples: the subscripts of a kernel, and the loads and stores they become."""

import ast

from kernels.gpu.interpreter import hints
from kernels.gpu.interpreter.conversions import Typed, call, name, number
from kernels.gpu.interpreter.errors import InvalidIndex, Unsupported, indexed
from kernels.gpu.interpreter.expressions import Expressions
from kernels.gpu.interpreter.known import (
    NUMPY,
    Array,
    Scalar,
    Static,
    Tuple,
    dtype_of,
    is_integer,
    is_time,
    join,
    same_type,
    scalar,
    type_name,
)
from kernels.gpu.interpreter.typing_rules import types


class Elements(Expressions):
    """Rewrites subscripts. Unchecked they stay what they are; checked they become calls of arrays.py's arrays."""

    def item_at(self, base, index):
        items = base.value.items
        is_of_one_type = all(same_type(item, items[0]) for item in items)
        if index.constant is not None and (is_of_one_type or index.value.is_literal):
            if not -len(items) <= index.constant < len(items):
                raise Unsupported(f"index {index.constant} is out of bounds for a tuple of {len(items)}")
            return self.item_alone(base, index.constant % len(items))
        value = items[0]
        for item in items[1:]:
            value = join(value, item)
        if not is_of_one_type:
            raise Unsupported("a tuple of several types takes an index that is written or named only")
        return Typed(ast.Subscript(base.node, self.convert(index, types.int64).node, ast.Load()), value)

    def array(self, node):
        return self.as_array(self.expression(node), node)

    def as_array(self, typed, node):
        """What stands at a node of the source. Raises Unsupported where it is no array."""
        if isinstance(typed.value, Array):
            return typed
        raise Unsupported(f"{ast.unparse(node)} is {type_name(typed.value)}, which has no elements")

    def index(self, array, node, typed=None):
        """The index of an element: an integer, or a tuple of them."""
        typed = typed or self.expression(node)
        values = typed.value.items if isinstance(typed.value, Tuple) else (typed.value,)
        label, ndim = self.array_name(array), array.value.ndim
        problems = [
            f"{type_name(v)} is no integer" for v in values if not (isinstance(v, Scalar) and is_integer(v.type))
        ]
        if problems and type_name(values[0]).startswith("float"):
            problems[0] += ": divide by //, or convert by int(...)"
        elif problems and isinstance(values[0], Static):
            problems[0] += hints.of_name(values[0].object)
        if len(values) != ndim and not (problems and len(values) < ndim):
            problems = [f"{label} has {ndim} dimension{'s' * (ndim > 1)} and is indexed with {len(values)}"]
        if problems:
            text = ast.unparse(node)
            raise InvalidIndex(f"{indexed(label, text)}: {problems[0]}", array=label, index=text)
        return self.item(typed, 0).node if isinstance(typed.value, Tuple) and ndim == 1 else typed.node

    def flat_element(self, node):
        """(array, index) of x.flat[i], an element by its number, row after row; None for any other subscript."""
        if not (isinstance(node.value, ast.Attribute) and node.value.attr == "flat"):
            return None
        array, at = self.expression(node.value.value), self.expression(node.slice)
        is_number = isinstance(at.value, Scalar) and is_integer(at.type)
        if not (isinstance(array.value, Array) and is_number and array.value.dtype in NUMPY):
            return None
        index = self.convert(at, types.int64).node
        if array.value.ndim == 1:
            return array, index
        kept = name(self.temporary())
        first = ast.NamedExpr(ast.Name(kept.id, ast.Store()), array.node)
        shape = ast.Attribute(kept, "shape", ast.Load())
        return Typed(first, array.value, self.array_name(array)), call("$flat_index", index, shape)

    @staticmethod
    def array_name(array):
        return array.label or ast.unparse(array.node).lstrip("$")

    def access(self, array, place, kind):
        """Number of the place where an array is accessed."""
        nbytes = dtype_of(array.value.dtype).itemsize
        return number(self.program.site_number(self.site(place, self.array_name(array), kind, nbytes)))

    def load(self, array, index, place):
        """The element of an array, in the representation of its type."""
        self.program.looks += 1
        node: ast.expr = ast.Subscript(array.node, index, ast.Load())
        if self.program.checked:
            load = ast.Attribute(array.node, "load", ast.Load())
            node = ast.Call(load, [index, self.access(array, place, "load")], [])
        dtype = array.value.dtype
        if is_integer(dtype) or is_time(dtype):
            node = call("$int", node)
        elif dtype == types.boolean:
            node = call("$bool", node)
        return Typed(node, scalar(dtype))

    def store(self, array, index, value, place):
        """A statement that sets an element. NumPy converts float64 to float32 by itself."""
        dtype = array.value.dtype
        if self.program.checked:
            arguments = [index, self.convert(value, dtype).node, self.access(array, place, "store")]
            return ast.Expr(ast.Call(ast.Attribute(array.node, "store", ast.Load()), arguments, []))
        if not (dtype == types.float32 and value.type == types.float64):
            value = self.convert(value, dtype)
        return ast.Assign([ast.Subscript(array.node, index, ast.Store())], value.node)
