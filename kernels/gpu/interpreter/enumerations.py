"""Members of enumerations in a kernel: Mode.FAST and Mode["FAST"], and what they stand for, Mode.FAST.value."""

import ast
import enum

from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.known import Static


def member(function, node):
    """The member of an IntEnum that stands at a node, which is an integer besides; None if none does."""
    if not isinstance(node, ast.Attribute):
        return None
    owner = function.expression(node.value).value
    is_enum = isinstance(owner, Static) and isinstance(owner.object, enum.EnumMeta)
    return owner.object[node.attr] if is_enum and node.attr in owner.object.__members__ else None


def named(function, enumeration, index):
    """Mode["FAST"]: a member by its name. Raises Unsupported for a name that none has."""
    key = index.value.object if isinstance(index.value, Static) else None
    if not isinstance(key, str) or key not in enumeration.__members__:
        raise Unsupported(f"{enumeration.__name__} has the members {', '.join(enumeration.__members__)}")
    return function.literal(enumeration[key])
