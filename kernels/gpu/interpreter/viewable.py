"""Views: parts of an array, or its memory in another shape or of another type. What the rewritten code calls for them.

Unchecked an array is NumPy's, and so is a view of it. A view of a checked array is an array of the same kind, over
NumPy's view of the same data; `origin` is the array it is a view of, whose name and index errors tell.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.gpu.interpreter.errors import OutOfBounds, Undefined


def reshaped(array, shape):
    """A NumPy array in another shape, of the same elements in the same order. Raises Undefined where it has to copy."""
    try:
        return np.reshape(array, shape, copy=False)
    except ValueError:
        lie = "lie in another order" if -1 in shape or np.prod(shape) == array.size else "are not as many"
        problem = f"the elements of an array of shape {array.shape} {lie}"
        raise Undefined(f"reshape to {shape} is undefined: {problem}") from None


def recast(array, dtype):
    """A NumPy array, its bytes seen as elements of another type. Raises Undefined where they are not."""
    try:
        return array.view(dtype)
    except ValueError:
        problem = f"rows of {array.dtype} in an array of shape {array.shape} are no whole number of them"
        raise Undefined(f"view({dtype}) is undefined: {problem}, or not contiguous") from None


def fill(array, value):
    """Store one value into all elements of a NumPy array."""
    array[...] = value


def assign(array, other):
    """Store the elements of one NumPy array into another of the same shape. Raises Undefined for another shape."""
    if array.shape != other.shape:
        raise Undefined(f"an array of shape {other.shape} is stored into one of shape {array.shape}")
    array[...] = other


def pointer(array):
    return array.__array_interface__["data"][0]


def unpackable(array, count):
    """Raises Undefined for an array that has not so many elements, or rows."""
    if len(array) != count:
        raise Undefined(f"an array of shape {array.shape} does not unpack into {count} variables")


class Viewable:
    """What a checked array has besides its elements. Its heirs say what a `view(data)` of them is."""

    data: np.ndarray
    shape: tuple
    name: str
    origin: Any
    fields: dict
    store: Callable

    def view(self, data) -> "Viewable":
        """An array of the same kind over NumPy's view of the same data."""
        raise NotImplementedError

    def error(self, kind, problem, index, site) -> Exception:
        """The error that says this of an element."""
        raise NotImplementedError

    @property
    def strides(self):
        return self.data.strides

    @property
    def T(self):
        return self.view(self.data.T)

    @property
    def real(self):
        return self.view(self.data.real)

    @property
    def imag(self):
        return self.view(self.data.imag)

    def part(self, index, site):
        """What an index with slices, or with fewer integers than there are axes, chooses. Raises OutOfBounds."""
        items = index if isinstance(index, tuple) else (index,)
        axis = 0
        for item in items:
            if item is Ellipsis:
                axis += self.data.ndim - sum(other is not None and other is not Ellipsis for other in items)
            elif item is not None:
                if isinstance(item, int) and not 0 <= item < self.shape[axis]:
                    raise self.beyond(index, site)
                axis += 1
        return self.view(self.data[items if Ellipsis in items else (*items, ...)])

    def beyond(self, index, site):
        """The error of an index outside this array."""
        of = "" if self.origin is self else f", a view of {self.origin.name} of shape {self.origin.shape}"
        return self.error(OutOfBounds, f"is out of bounds for shape {self.shape}{of}", index, site)

    def field(self, name):
        """A field of all the records of a structured array, or of one record."""
        if name not in self.fields:
            self.fields[name] = self.view(self.data[name])
        return self.fields[name]

    def reshape(self, shape):
        return self.view(reshaped(self.data, shape))

    def recast(self, dtype):
        """The same bytes as elements of another type, which lie where its size allows. Raises Undefined."""
        seen = recast(self.data, dtype)
        if (pointer(seen) - pointer(self.origin.data)) % seen.itemsize:
            problem = f"it does not begin at a multiple of {seen.itemsize} bytes in {self.origin.name}"
            raise Undefined(f"view({dtype}) is undefined: {problem}")
        return self.view(seen)

    def fill(self, value, site):
        """Store one value into all elements, one after another."""
        for index in indices(self.shape):
            self.store(index, value, site)

    def assign(self, other, load_site, site):
        """Store the elements of another array of the same shape. Raises Undefined for one of another shape."""
        if self.shape != other.shape:
            raise Undefined(f"an array of shape {other.shape} is stored into one of shape {self.shape}")
        for index in indices(self.shape):
            self.store(index, other.load(index, load_site), site)


def indices(shape):
    """The index of each element, as the rewritten code has it."""
    return range(shape[0]) if len(shape) == 1 else np.ndindex(shape)


class Iteration:
    """A loop over an array: its elements, or if it has several axes its rows. `take(number)` gives them."""

    def __init__(self, length, take):
        self.number, self.length, self.take = 0, length, take

    def __iter__(self):
        return self

    def __next__(self):
        if self.number == self.length:
            raise StopIteration
        self.number += 1
        return self.take(self.number - 1)

    def __repr__(self):  # for standstill.py, which asks how far it is
        return str(self.number)


def iterate(array, convert):
    """A loop over a NumPy array. `convert` makes of an element what the rewritten code has for its type."""
    return Iteration(len(array), lambda number: convert(array[number]))


def iterate_flat(array, convert):
    """A loop over all elements of a NumPy array, row after row."""
    return Iteration(array.size, lambda number: convert(array[index_of(number, array.shape)]))


def iterate_flat_checked(array, convert, what, site):
    """The same over a checked array."""
    take = getattr(array, what)
    return Iteration(array.size, lambda number: convert(take(index_of(number, array.shape), site)))


def index_of(number, shape):
    """The index of an element by its number, as the rewritten code has it."""
    return number if len(shape) == 1 else tuple(map(int, np.unravel_index(number, shape)))


def flat_index(number, shape):
    """The same of any number: that of no element is an index that is outside along the first axis."""
    index = []
    for extent in reversed(shape[1:]):
        number, at = divmod(number, extent or 1)
        index.append(at)
    return (number, *reversed(index))


def iterate_checked(array, convert, what, site):
    """A loop over a checked array: `what` it does to each number, "load" or "part"."""
    take = getattr(array, what)
    return Iteration(len(array), lambda number: convert(take(number, site)))
