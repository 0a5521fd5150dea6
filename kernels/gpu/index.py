"""Index arithmetic that kernels share: from a thread's number to its value, from a value to its windows."""

from kernels.gpu.compiler import int64, uint32
from kernels.gpu.source import device


@device
def unravel(n, C, H, W):
    """(r, c, h, w) of value number n of an array (R, C, H, W)."""
    return n // (W * H * C), n // (W * H) % C, n // W % H, n % W


@device
def unravel_channel(n, C, S):
    """(r, c, s) of value number n of an array (R, C, S)."""
    return n // (S * C), n // S % C, n % S


@device
def split(index, rows, columns):
    """(outer, row, column) of index = (outer * rows + row) * columns + column.

    In unsigned 32 bits, because a 64-bit division takes a GPU several times as long: index must be below 2**32.
    """
    index_32, columns_32 = uint32(index), uint32(columns)
    outer = index_32 // uint32(rows * columns)
    row = index_32 // columns_32 % uint32(rows)
    return int64(outer), int64(row), int64(index_32 % columns_32)


@device
def first_window(i, window, stride, padding):
    """The first window that covers row i. Window i' covers rows i' * stride - padding to ... + window - 1."""
    return max(0, (i + padding - window) // stride + 1)


@device
def last_window(i, stride, padding, count):
    """The last of `count` windows that covers row i; smaller than the first where strides leave a gap."""
    return min(count - 1, (i + padding) // stride)
