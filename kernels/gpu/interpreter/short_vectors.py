"""The vector types of CUDA, as float32x4 with its parts x, y, z, w: named tuples of which the parts alone are seen."""

import functools
import re
from collections import namedtuple

from kernels.gpu.interpreter.conversions import Typed
from kernels.gpu.interpreter.known import Tuple, computed, type_to_numba
from kernels.gpu.interpreter.typing_rules import numba_cuda, signature


def is_one(thing):
    """Whether a Python object is a vector type."""
    is_of_cuda = isinstance(thing, type) and thing.__module__ == "numba.cuda.stubs"
    return is_of_cuda and re.fullmatch(r"(u?int|float)\d+x[1-4]", thing.__name__) is not None


@functools.cache
def kind_of(stub):
    """The class of named tuples that stands for a vector type; `numba` is that type."""
    type_ = numba_cuda(f"cuda.{stub.__name__}").vector_type(stub.__name__)
    kind = namedtuple(stub.__name__, type_.attr_names)  # type: ignore[misc]
    kind.numba = type_  # type: ignore[attr-defined]
    return kind


def made(function, stub, arguments) -> Typed:
    """A call of a vector type: of numbers, and of vectors whose parts follow each other. Raises Unsupported."""
    typing = signature(stub, *(type_to_numba(argument.value) for argument in arguments))
    parts: list[Typed] = []
    for argument, type_ in zip(arguments, typing.args, strict=True):
        parts += function.items(argument) if isinstance(argument.value, Tuple) else [function.convert(argument, type_)]
    return Typed(function.tuple_node(parts), Tuple(tuple(computed(part.value) for part in parts), kind_of(stub)))
