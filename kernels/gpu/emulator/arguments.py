"""The arguments of a launch as the bytes that a kernel reads its parameters from.

Numba passes an array as two pointers for its own use (here null), the number of elements, bytes of an element, a
pointer to the data, then length and stride in bytes of each dimension: 8 bytes each. Scalars are passed as they are,
a complex number as its two parts, a tuple as its items.
"""

from typing import Any

import numpy as np

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.translate import Translation
from kernels.gpu.emulator.types import BITS


def of_numba(args, kinds) -> list[Any]:
    """What Numba passes for arguments of these Numba types: numbers and arrays, one for each parameter.

    Raises PtxError for an array that is not contiguous, as Numba compiles kernels for such alone.
    """
    found: list[Any] = []
    for number, (value, kind) in enumerate(zip(args, kinds, strict=True), 1):
        if isinstance(value, tuple):
            found += of_numba(value, kind.types)
        elif isinstance(value, np.ndarray) and value.ndim:
            if not value.flags.c_contiguous:
                raise PtxError(f"argument {number}: not contiguous; give np.ascontiguousarray(...) of it")
            found += [0, 0, value.size, value.itemsize, value, *value.shape, *value.strides]
        else:
            dtype = np.dtype("bool" if str(kind) == "bool" else str(kind))
            scalar = np.asarray(value).astype(dtype)[()]
            found += [scalar.real, scalar.imag] if dtype.kind == "c" else [scalar]
    return found


def owners(args, names) -> list[str]:
    """The name of the argument that each of the values belongs to which `of_numba` makes of arguments."""
    return [name for name, value in zip(names, args, strict=True) for _ in range(parameters_of(value))]


def parameters_of(value) -> int:
    """How many parameters an argument is."""
    if isinstance(value, tuple):
        return sum(map(parameters_of, value))
    if isinstance(value, np.ndarray) and value.ndim:
        return 5 + 2 * value.ndim
    return 2 if np.iscomplexobj(value) else 1


def parameters(translation: Translation, values: list[Any]) -> np.ndarray:
    """Values as one block of bytes: arrays as pointers, numbers in the parameter's type, `bytes` as they are.

    Raises PtxError for a wrong number of values, and for one that does not fit its parameter.
    """
    wanted = translation.places.parameters
    if len(values) != len(wanted):
        raise PtxError(f"{translation.name}: takes {len(wanted)} parameters, given {len(values)}")
    block = np.zeros(max(translation.places.parameter_bytes, 1), np.uint8)
    for (offset, variable), value in zip(wanted.values(), values, strict=True):
        data = as_bytes(value, variable.type, variable.size or 0)
        if len(data) != variable.size:
            raise PtxError(f"{translation.name}: {variable.name} takes {variable.size} bytes, given {len(data)}")
        block[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
    return block


def as_bytes(value, kind, size):
    if isinstance(value, np.ndarray):
        return value.ctypes.data.to_bytes(8, "little")
    if isinstance(value, bytes):
        return value
    if isinstance(value, np.generic):
        return value.tobytes()
    if kind in ("f32", "f64") and isinstance(value, int | float):
        return np.dtype(f"float{BITS[kind]}").type(value).tobytes()
    return int(value).to_bytes(size, "little", signed=value < 0)
