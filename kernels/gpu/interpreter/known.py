"""What is known of a value before the kernel runs: its Numba type, and the bounds of an integer.

The types are those that Numba would compile, see typing_rules.py.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kernels.gpu.interpreter.errors import Unsupported
from kernels.gpu.interpreter.typing_rules import NumbaError, as_dtype, from_dtype, types, unified


@dataclass(frozen=True)
class Scalar:
    """A number of a Numba type. low and high bound it if it is an integer; a constant has low == high.

    is_literal: it is an integer that was written, or stands under a name, and was not computed. Where Numba must know
    a number to compile at all, as the extents of a shared array, it takes no others.
    """

    type: types.Type
    low: Any = None
    high: Any = None
    is_literal: bool = False

    @property
    def constant(self):
        return self.low if self.low is not None and self.low == self.high else None


@dataclass(frozen=True)
class Array:
    dtype: types.Type
    ndim: int
    layout: str = "C"
    """In what order its elements lie in memory, as Numba knows it: row by row "C", column by column "F", or "A"."""


@dataclass(frozen=True)
class Record:
    """An element of a structured array: a place in memory, with fields."""

    type: types.Record


@dataclass(frozen=True)
class Slice:
    """A slice of an array, as in x[1:] or x[::2]. Numba types those with a step differently."""

    has_step: bool


@dataclass(frozen=True)
class Tuple:
    items: tuple
    kind: Any = None
    """The class of a named tuple."""

    @property
    def is_vector(self):
        """Whether it is one of CUDA's vector types, see short_vectors.py: it has parts, and nothing else of a tuple."""
        return hasattr(self.kind, "numba")


@dataclass(frozen=True)
class Iterable:
    """What range, enumerate or zip gives, and what is known of each item."""

    item: Any


@dataclass(frozen=True)
class Static:
    """A Python object that exists only before the run: a module, a function, a type, None."""

    object: Any


@dataclass(frozen=True)
class Clash:
    """A variable that has types with nothing in common, depending on the path taken. Refused where it is used."""

    names: frozenset[str]


Value = Scalar | Array | Record | Slice | Iterable | Tuple | Static | Clash

FLOATS = (types.float32, types.float64)
HALF = types.float16
COMPLEX = (types.complex64, types.complex128)


def is_integer(type_):
    return isinstance(type_, types.Integer)


def is_time(type_):
    """Whether it is a type of datetime64 or timedelta64, see times.py."""
    return isinstance(type_, types.NPDatetime | types.NPTimedelta)


def bounds(type_):
    """Smallest and largest value of an integer type."""
    if type_.signed:
        return -(1 << type_.bitwidth - 1), (1 << type_.bitwidth - 1) - 1
    return 0, (1 << type_.bitwidth) - 1


def scalar(type_):
    """Any value of a type."""
    return Scalar(type_, *bounds(type_)) if is_integer(type_) else Scalar(type_)


def constant(type_, value):
    """One known value of a type. NaN is not told from another, nor some zeros, so these count as unknown."""
    return Scalar(type_) if value != value or type_ in (HALF, *COMPLEX) else Scalar(type_, value, value)


def type_to_numba(value):
    """The type Numba gives to a number, an array, a record or a tuple."""
    if isinstance(value, Tuple) and value.is_vector:
        return value.kind.numba
    if isinstance(value, Tuple):
        return types.BaseTuple.from_types([type_to_numba(item) for item in value.items], value.kind)
    if not isinstance(value, Scalar | Array | Record):
        raise Unsupported(f"{type_name(value)} stands where a number is needed")
    return types.Array(value.dtype, value.ndim, value.layout) if isinstance(value, Array) else value.type


def of_numba(type_):
    """Any value of a Numba type: a number, an array or a record."""
    if isinstance(type_, types.Record):
        return Record(type_)
    return Array(type_.dtype, type_.ndim, type_.layout) if isinstance(type_, types.Array) else scalar(type_)


def join(first, second):
    """What is known where two paths meet."""
    if first == second and _same_zero(first, second):
        return first
    if isinstance(first, Scalar) and isinstance(second, Scalar):
        type_ = unified(first.type, second.type)
        if type_ is None:
            return clash(first, second)
        if is_integer(type_) and is_integer(first.type) and is_integer(second.type):
            low, high = min(first.low, second.low), max(first.high, second.high)
            smallest, largest = bounds(type_)
            return Scalar(type_, low, high) if smallest <= low and high <= largest else scalar(type_)
        return scalar(type_)
    if isinstance(first, Tuple) and isinstance(second, Tuple) and shape_of(first) == shape_of(second):
        if first.kind is not None and not same_type(first, second):  # items of named tuples do not convert
            return clash(first, second)
        return Tuple(tuple(map(join, first.items, second.items)), first.kind)
    if isinstance(first, Array) and same_type(first, second):
        return of_numba(unified(type_to_numba(first), type_to_numba(second)))
    if isinstance(first, Iterable) and isinstance(second, Iterable) and same_type(first.item, second.item):
        return Iterable(join(first.item, second.item))
    return clash(first, second)


def shape_of(value):
    """How many items a tuple has, and their names."""
    return len(value.items), value.kind


def clash(first, second):
    names = (value.names if isinstance(value, Clash) else {type_name(value)} for value in (first, second))
    return Clash(frozenset().union(*names))


def _same_zero(first, second):
    """0.0 == -0.0, but they are not the same constant."""
    if not (isinstance(first, Scalar) and first.constant == 0 and first.type in FLOATS):
        return True
    return math.copysign(1, first.low) == math.copysign(1, second.low)


def computed(value):
    """The value, if it is known at all no more as one that was written."""
    if isinstance(value, Tuple):
        return Tuple(tuple(map(computed, value.items)), value.kind)
    return replace(value, is_literal=False) if isinstance(value, Scalar) else value


def unknown(value):
    """Any value of that type, where no constant may stand for what computes it."""
    if isinstance(value, Tuple):
        return Tuple(tuple(map(unknown, value.items)), value.kind)
    return scalar(value.type) if isinstance(value, Scalar) and value.constant is not None else value


def literal_integers(value):
    """The numbers of an integer or of a tuple of integers that were written or named, else None."""
    items = value.items if isinstance(value, Tuple) else (value,)
    return [item.low for item in items] if all(isinstance(i, Scalar) and i.is_literal for i in items) else None


def widen(before, after):
    """`after`, except that a bound that moved since `before` goes all the way, so that loops come to rest."""
    if after == before:
        return after
    if isinstance(after, Tuple) and isinstance(before, Tuple) and shape_of(before) == shape_of(after):
        return Tuple(tuple(map(widen, before.items, after.items)), after.kind)
    if not (isinstance(after, Scalar) and isinstance(before, Scalar) and is_integer(after.type)):
        return after
    smallest, largest = bounds(after.type)
    low = after.low if after.low == before.low else smallest
    high = after.high if after.high == before.high else largest
    return Scalar(after.type, low, high)


def same_type(first, second):
    """Whether two values are represented alike, whatever their bounds."""
    if isinstance(first, Scalar) and isinstance(second, Scalar):
        return first.type == second.type
    if isinstance(first, Tuple) and isinstance(second, Tuple) and shape_of(first) == shape_of(second):
        return all(map(same_type, first.items, second.items))
    if isinstance(first, Array) and isinstance(second, Array):
        return (first.dtype, first.ndim) == (second.dtype, second.ndim)
    if isinstance(first, Iterable) and isinstance(second, Iterable):
        return same_type(first.item, second.item)
    return first == second


def type_name(value):
    match value:
        case Scalar(type_):
            return str(type_)
        case Array(dtype, ndim):
            return f"{ndim}-D array of {dtype}"
        case Record():
            return "a record"
        case Slice():
            return "a slice"
        case Tuple(items, kind):
            return f"{kind.__name__ if kind else ''}({', '.join(map(type_name, items))})"
        case Iterable(item):
            return f"an iterator over {type_name(item)}"
        case Static(thing):
            return getattr(thing, "__name__", repr(thing))
        case Clash(names):
            return " or ".join(sorted(names))


INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
NUMBERS = ("float16", "float32", "float64", "complex64", "complex128", *INTEGERS)
NUMPY = {types.boolean: np.bool_} | {getattr(types, name): getattr(np, name) for name in NUMBERS}
"""NumPy's scalar type for each Numba type that is supported."""


def dtype_of(type_):
    """The NumPy dtype of what a Numba type of numbers or of records has in memory. Times are integers there."""
    if is_time(type_):
        return np.dtype(np.int64)
    return as_dtype(type_) if isinstance(type_, types.Record) else np.dtype(NUMPY[type_])


def numba_type(dtype):
    """The Numba type of a NumPy dtype."""
    dtype = np.dtype(dtype)
    if dtype.names is not None:
        try:
            return from_dtype(dtype)
        except NumbaError as error:
            raise Unsupported(f"records of {dtype} are not supported by Numba") from error
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] != "generic":
        return from_dtype(dtype)
    name = np.dtype(dtype).name
    found = types.boolean if name == "bool" else getattr(types, name, None)
    if found not in NUMPY:
        raise Unsupported(f"arrays and numbers of {name} are not supported")
    return found
