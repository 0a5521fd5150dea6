"""Arrays as the bytes of this process that they lie in."""

import ctypes
import mmap

import numpy as np

NO_RESERVE = 0x4000  # MAP_NORESERVE of Linux


def aligned_zeros(size: int) -> np.ndarray:
    """Bytes that begin at a multiple of 256, as those of a GPU do."""
    size = -(-max(size, 1) // 16) * 16
    memory = np.zeros(size + 256, np.uint8)
    start = -memory.ctypes.data % 256
    return memory[start : start + size]


def untouched_zeros(count: int, dtype=np.uint8) -> np.ndarray:
    """Zeros that take room only where they are written, so there may be more than the machine has memory for."""
    size = count * np.dtype(dtype).itemsize
    if not hasattr(mmap, "MAP_ANONYMOUS"):  # where pages of the system's own zeros are none of the file's
        return np.zeros(count, dtype)
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
    return np.frombuffer(memory, dtype, count)


def give_back(zeros: np.ndarray, first: int, size: int) -> None:
    """Some pages of untouched zeros take no room any more, and are zeros again."""
    memory = zeros.base
    while isinstance(memory, np.ndarray | memoryview):
        memory = memory.base if isinstance(memory, np.ndarray) else memory.obj
    if isinstance(memory, mmap.mmap) and size:
        memory.madvise(mmap.MADV_DONTNEED, first, size)


def bounds(array) -> tuple[int, int]:
    """(first address, that behind the last) of an array."""
    return np.lib.array_utils.byte_bounds(array)


def raw(address, size) -> np.ndarray:
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint8)


def index_in(array: np.ndarray, offset: int):
    """The index of the element at an offset in bytes from the first: a number, or a tuple for several dimensions."""
    index = [0] * array.ndim
    for axis in sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])):
        if stride := array.strides[axis]:
            index[axis] = offset // stride
            offset -= index[axis] * stride
    return index[0] if len(index) == 1 else tuple(index)
