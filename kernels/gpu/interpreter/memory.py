"""Memory of a block: shared and local arrays, fresh and poisoned, and atomics. The fast mode has nothing else.

Poison is one bit pattern that is NaN as a float32 or a float64 and a large negative number as an int32 or
an int64, so that what nobody wrote is hard to overlook.
"""

from collections.abc import Callable

import numpy as np

from kernels.gpu.interpreter.errors import LaunchError, ReadOnly, writes_read_only

POISON = np.uint32(0xFFFA5A5A)
LARGEST_STATIC_SHARED = 48 * 1024
LARGEST_SHARED = 227 * 1024


def poisoned(shape, dtype):
    if dtype == np.bool_:
        return np.ones(shape, dtype)
    nbytes = int(np.prod(shape)) * dtype.itemsize
    pattern = np.full(-(-nbytes // 4), POISON).view(np.uint8)[:nbytes]
    return pattern.view(dtype).reshape(shape)


class Memory:
    """Shared and local memory of the blocks of one launch."""

    def __init__(self, declarations, shared_bytes):
        self.declarations, self.shared_bytes = declarations, shared_bytes
        self.templates = [poisoned(d.shape, d.dtype) for d in declarations]

    def local(self, number):
        return self.templates[number].copy()

    def new_shared(self, number, data, block):
        """A shared array of a block as the rewritten code is to see it."""
        return data

    def argument(self, array, name):
        """A kernel argument as the rewritten code is to see it."""
        if not array.ndim:
            return array[()]  # a record
        if array.flags.writeable:
            return array
        sealed = array.view(Sealed)
        sealed.name, sealed.is_whole = name, True
        return sealed


class Sealed(np.ndarray):
    """A read-only argument of a kernel: who writes it is told its name."""

    name, is_whole = "", False

    def __array_finalize__(self, origin):
        self.name = getattr(origin, "name", "")

    def __setitem__(self, index, value):
        if not self.is_whole:
            raise ReadOnly(f"writes a view of {self.name}, but {self.name} is read-only", array=self.name)
        raise ReadOnly(writes_read_only(self.name, index), array=self.name, index=index)


class SharedMemory:
    """The shared memory of one block: each array is allocated when the first thread asks for it."""

    def __init__(self, memory, block):
        self.memory, self.block = memory, block
        self.arrays = {}
        self.used = memory.shared_bytes
        self.dynamic = poisoned((memory.shared_bytes,), np.dtype(np.uint8))
        self.written = set()  # cells, where accesses are checked

    def array(self, number):
        """The block's own copy of a shared array, the same for all of its threads."""
        if number not in self.arrays:
            self.arrays[number] = self.memory.new_shared(number, self.allocate(number), self.block)
        return self.arrays[number]

    def allocate(self, number):
        memory, declaration = self.memory, self.memory.declarations[number]
        if declaration.shape == (0,):
            count = memory.shared_bytes // declaration.dtype.itemsize
            if not count:
                problem = f"{declaration.name} is dynamic shared memory: the launch gives {memory.shared_bytes} bytes"
                raise LaunchError(problem, array=declaration.name, site=declaration.site)
            return self.dynamic[: count * declaration.dtype.itemsize].view(declaration.dtype)
        self.used += declaration.nbytes
        static = self.used - memory.shared_bytes
        if static > LARGEST_STATIC_SHARED or self.used > LARGEST_SHARED:
            problem = (
                f"{declaration.name} brings shared memory to {static} bytes static, {memory.shared_bytes} dynamic; "
                f"a block has {LARGEST_STATIC_SHARED} static, {LARGEST_SHARED} in all"
            )
            raise LaunchError(problem, array=declaration.name, site=declaration.site)
        return memory.templates[number].copy()


def shared(thread, number):
    """cuda.shared.array in rewritten code."""
    return thread.block.shared.array(number)


def local(thread, number):
    """cuda.local.array in rewritten code."""
    return thread.block.memory.local(number)


def _larger(old, value):
    return value if value > old else old


def _smaller(old, value):
    return value if value < old else old


ATOMICS: dict[str, Callable] = {
    "add": lambda old, value: old + value,
    "sub": lambda old, value: old - value,
    "max": _larger,
    "min": _smaller,
    "nanmax": lambda old, value: value if old != old else _larger(old, value),
    "nanmin": lambda old, value: value if old != old else _smaller(old, value),
    "and_": lambda old, value: old & value,
    "or_": lambda old, value: old | value,
    "xor": lambda old, value: old ^ value,
    "exch": lambda old, value: value,
    "inc": lambda old, limit: 0 if old >= limit else old + 1,
    "dec": lambda old, limit: limit if old == 0 or old > limit else old - 1,
    "cas": lambda old, expected, value: value if old == expected else old,
}


def atomic(array, index, operation, *operands):
    """Change an element; returns its old value. Integers wrap, because NumPy scalars of one type do."""
    old = array[index]
    array[index] = ATOMICS[operation](old, *map(array.dtype.type, operands))
    return old
