"""The vector types of CUDA, as float32x4 with its parts x, y, z, w: named tuples of which the parts alone are seen."""

from collections import namedtuple

from numba import cuda
from numba.cuda.stubs import _vector_type_stubs
from numba.cuda.vector_types import vector_types

from kernels.gpu.interpreter.conversions import Typed
from kernels.gpu.interpreter.known import Tuple, computed, signature, type_to_numba


def kind_of(stub):
    """The class of named tuples that stands for a vector type; `numba` is that type."""
    type_ = vector_types[stub.__name__]
    kind = namedtuple(stub.__name__, type_.attr_names)  # type: ignore[misc]
    kind.numba = type_  # type: ignore[attr-defined]
    return kind


KINDS = {stub: kind_of(stub) for stub in _vector_type_stubs}


def named(path):
    """The vector type that is cuda.<path>, or None."""
    found = getattr(cuda, path, None)
    return found if is_one(found) else None


def is_one(thing):
    """Whether a Python object is a vector type."""
    return isinstance(thing, type) and thing in KINDS


def made(function, stub, arguments) -> Typed:
    """A call of a vector type: of numbers, and of vectors whose parts follow each other. Raises Unsupported."""
    typing = signature(stub, *(type_to_numba(argument.value) for argument in arguments))
    parts: list[Typed] = []
    for argument, type_ in zip(arguments, typing.args, strict=True):
        parts += function.items(argument) if isinstance(argument.value, Tuple) else [function.convert(argument, type_)]
    return Typed(function.tuple_node(parts), Tuple(tuple(computed(part.value) for part in parts), KINDS[stub]))
