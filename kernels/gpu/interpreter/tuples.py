"""Parts of tuples in a kernel: slices, and the fields of named tuples, which may be made there as well.

Members of enumerations, which are named alike, are found here too.
"""

from kernels.gpu.interpreter.conversions import Typed
from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import Static, Tuple, type_name
from kernels.gpu.interpreter.times import Times


class Tuples(Times):
    """Rewrites what is asked of tuples besides their items, and of enumerations by name."""

    def tuple_of(self, items, kind=None) -> Typed:
        """A tuple of expressions; `kind` is its class if its items have names."""
        return Typed(self.tuple_node(items), Tuple(tuple(item.value for item in items), kind))

    def slice_of_tuple(self, base, node):
        """base[1:] of a tuple, whose length Numba must know: the bounds are written or named."""
        bounds: list = []
        for part in (node.lower, node.upper, node.step):
            bound = part and self.expression(part)
            is_known = bound is None or bound.value == Static(None) or getattr(bound.value, "is_literal", False)
            if not is_known:
                raise Unsupported("a tuple takes a slice that is written or named only")
            bounds.append(bound and bound.constant)
        return self.tuple_of([self.item(base, i) for i in range(len(base.value.items))][slice(*bounds)])

    def field_of_tuple(self, base, name):
        """A field of a named tuple. Raises Unsupported for one that it has not."""
        fields = getattr(base.value.kind, "_fields", ())
        if name not in fields:
            names = f": its fields are {', '.join(fields)}" if fields else ""
            raise Unsupported(f"{type_name(base.value)} has no attribute {name}{names}")
        return self.item(base, fields.index(name))

    def member_of(self, enumeration, index):
        """Mode["FAST"]: a member of an enumeration by its name."""
        key = index.value.object if isinstance(index.value, Static) else None
        if not isinstance(key, str) or key not in enumeration.__members__:
            raise Unsupported(f"{enumeration.__name__} has the members {', '.join(enumeration.__members__)}")
        return self.literal(enumeration[key])

    def named_tuple(self, kind, arguments, keywords):
        """A call of the class of a named tuple, with all its fields: Numba knows no defaults."""
        given = dict(zip(kind._fields, arguments, strict=False)) | keywords
        if given.keys() != set(kind._fields) or len(arguments) > len(kind._fields):
            raise Unsupported(f"{kind.__name__} takes {', '.join(kind._fields)}, given {', '.join(given) or 'nothing'}")
        return self.tuple_of([given[field] for field in kind._fields], kind)


def is_named_tuple(thing):
    """Whether a Python object is a class of named tuples."""
    return isinstance(thing, type) and issubclass(thing, tuple) and hasattr(thing, "_fields")
