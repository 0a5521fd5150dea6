"""Arrays of the checked mode that begin where elements of their type may not lie, as floats at an odd address.

A GPU faults at such an access, and a processor does not. Arrays of NumPy never reach a GPU so: what is copied there
begins anew. Views of device memory, made by a program, may.
"""

from kernels.gpu.interpreter.arrays import GlobalArray
from kernels.gpu.interpreter.errors import Misaligned
from kernels.gpu.interpreter.viewable import pointer


def is_misaligned(array):
    """Whether an element of a NumPy array may lie where a GPU does not reach it."""
    return any(place % array.dtype.alignment for place in (pointer(array), *array.strides))


class MisalignedArray(GlobalArray):
    """A global array of which some elements lie at no multiple of their alignment."""

    def accessors(self):
        load_any, store_any = super().accessors()

        def load(index, site):
            self.check_address("is read", index, site)
            return load_any(index, site)

        def store(index, value, site):
            self.check_address("is written", index, site)
            store_any(index, value, site)

        return load, store

    def before(self, index, site):
        self.check_address("is changed", index, site)
        return super().before(index, site)

    def check_address(self, done, index, site):
        """Raises Misaligned, or OutOfBounds."""
        axes, wanted = self.check(index, site), self.data.dtype.alignment
        address = pointer(self.data) + sum(i * stride for i, stride in zip(axes, self.strides, strict=True))
        if address % wanted:
            raise self.error(Misaligned, f"{done} at an address that is no multiple of its {wanted} bytes", index, site)
