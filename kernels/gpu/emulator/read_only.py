"""Arrays that are read-only: a kernel is lent copies of them, which tell afterwards whether it has written them.

So they keep what they had, also those in memory that the process itself may not write. Where the same memory is given
as an array that may be written, the kernel gets it as it is: it may write it, by whatever name.
"""

from typing import Any

import numpy as np

from kernels.gpu.emulator.errors import EmulatorError
from kernels.gpu.emulator.spans import aligned_zeros, bounds, index_in, raw
from kernels.gpu.interpreter.errors import writes_read_only

ALIGNED = 256  # bytes: as far as the original is from a multiple of it, so is the copy


class Lent:
    """What a kernel is given in place of values: `values`, with addresses of copies instead of read-only arrays."""

    def __init__(self, values: list[Any], names: list[str]):
        self.values = list(values)
        self.copies: list[tuple[str, np.ndarray, np.ndarray]] = []
        arrays = [value for value in values if isinstance(value, np.ndarray) and value.size]
        written = [bounds(array) for array in arrays if array.flags.writeable]
        for n, (name, array) in enumerate(zip(names, values, strict=False)):
            if not (isinstance(array, np.ndarray) and array.size) or array.flags.writeable:
                continue
            low, high = bounds(array)
            if not any(first < high and low < end for first, end in written):
                copy = aligned_zeros(high - low + ALIGNED)[low % ALIGNED :][: high - low]
                copy[:] = raw(low, high - low)
                self.copies.append((name, array, copy))
                self.values[n] = np.uint64(copy.ctypes.data + array.__array_interface__["data"][0] - low)

    def check(self, title: str) -> None:
        """Raise EmulatorError where a copy is no longer what it was."""
        for name, array, copy in self.copies:
            low, high = bounds(array)
            changed = np.flatnonzero(copy != raw(low, high - low))
            if changed.size:
                offset = low + int(changed[0]) - array.__array_interface__["data"][0]
                raise EmulatorError(f"{title}: {writes_read_only(name, index_in(array, offset))}")
