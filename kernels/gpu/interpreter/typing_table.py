"""Numba's typing rules for numbers, as a table: which types a function converts its arguments to, and what it returns.

typing_table.txt is generated from numba-cuda, by `python -m tests.typing_table`, and a test compares the two. A block
of it names the functions that are typed alike; then each line is a signature, and which types it is for:

    operator.and_ operator.or_ operator.xor
    l(ll) ?bhil,?bhil ?,BHI

Types are NumPy's letters for them, of int32 `i`, of float32 `f`. So an int64 comes of two that are converted to int64,
where both are booleans or signed integers, or the first is a boolean and the second an unsigned integer of less than 64
bits. Without parentheses nothing is converted; `fi` is a pair, and `*l` a range of int64.
"""

import functools
from pathlib import Path
from typing import NamedTuple

from numba import types

FILE = Path(__file__).with_suffix(".txt")

TYPES = {
    "?": types.boolean,
    **{"b": types.int8, "h": types.int16, "i": types.int32, "l": types.int64},
    **{"B": types.uint8, "H": types.uint16, "I": types.uint32, "L": types.uint64},
    **{"e": types.float16, "f": types.float32, "d": types.float64, "F": types.complex64, "D": types.complex128},
}
RANGES = {
    "*i": types.range_state32_type,
    "*l": types.range_state64_type,
    "*L": types.unsigned_range_state64_type,
}
LETTERS = {type_: letter for letter, type_ in TYPES.items()}
MODULES = {"_operator": "operator.", "math": "math.", "cmath": "cmath.", "builtins": ""}


class Signature(NamedTuple):
    """How a call is typed: the types that its arguments are converted to, and that of its result."""

    return_type: types.Type
    args: tuple


def knows(type_):
    """Whether it is one of the types that the table is about."""
    return type_ in LETTERS


def name_of(function):
    """The name of a function in the table: "operator.add", "math.sin", "abs", "cuda.popc"; "" for one of no such."""
    if isinstance(function, str):
        return function
    module = MODULES.get(getattr(function, "__module__", None) or "")
    return "" if module is None else f"{module}{getattr(function, '__name__', '')}"


@functools.cache
def blocks():
    """The lines of each function, by its name."""
    found: dict[str, list[str]] = {}
    for block in FILE.read_text().split("\n\n")[1:]:
        names, *lines = block.splitlines()
        found |= dict.fromkeys(names.split(), lines)
    return found


@functools.cache
def rows(name):
    """[(signature without spaces, [letters of the first argument, of the second, ...])] of a function."""
    split = (line.split() for line in blocks().get(name, ()))
    return [(typing, product.split(",")) for typing, *products in split for product in products]


def found(name, argument_types):
    """The signature by which a function is called with such types, or None if the table has none."""
    if not all(map(knows, argument_types)):
        return None
    letters = [LETTERS[type_] for type_ in argument_types]
    for typing, product in rows(name):
        if len(product) == len(letters) and all(map(str.__contains__, product, letters)):
            return read(typing, argument_types)
    return None


def read(typing, argument_types):
    """A signature of the table, for arguments of such types."""
    result, has_converted, converted = typing.rstrip(")").partition("(")
    if result in RANGES:
        return_type = RANGES[result]
    else:
        items = [TYPES[letter] for letter in result]
        return_type = items[0] if len(items) == 1 else types.BaseTuple.from_types(items)
    return Signature(return_type, tuple(TYPES[each] for each in converted) if has_converted else argument_types)
