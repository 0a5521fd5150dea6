"""What kernels print: printf of CUDA C++ and print of Numba, which call vprintf, and failed assertions.

Text goes to this process's standard output as soon as a thread prints it, so in the order in which threads run; a GPU
would show it when the kernel has ended. Formats as in C; arguments lie behind each other, each at a multiple of its
size, as CUDA C++ promotes them: integers to 4 or 8 bytes, floats to 8.
"""

import ctypes
import re
import sys

SPECIFIER = re.compile(r"%([-+ #0]*)(\*|\d*)(?:\.(\*|\d*))?(hh|h|ll|l|z|j|t|L)?([diouxXeEfFgGaAcspn%])")
INTEGERS = {4: (ctypes.c_int32, ctypes.c_uint32), 8: (ctypes.c_int64, ctypes.c_uint64)}


class Arguments:
    """Values read one after another from the memory that they were packed in."""

    def __init__(self, address: int):
        self.address = address

    def take(self, kind):
        size = ctypes.sizeof(kind)
        self.address = -(-self.address // size) * size
        value = kind.from_address(self.address).value
        self.address += size
        return value


def formatted(pattern: str, address: int) -> tuple[str, int]:
    """(what vprintf prints of arguments at an address, how many there are)."""
    arguments, count = Arguments(address), 0

    def fill(match):
        nonlocal count
        flags, width, precision, length, conversion = match.groups()
        if conversion == "%":
            return "%"
        width = str(arguments.take(ctypes.c_int32)) if width == "*" else width
        precision = str(arguments.take(ctypes.c_int32)) if precision == "*" else precision
        count += 1
        shape = f"%{flags}{width}" + ("" if precision is None else f".{precision}")
        bytes = 8 if length in ("l", "ll", "z", "j", "t") else 4
        if conversion in "di":
            return f"{shape}d" % narrow(arguments.take(INTEGERS[bytes][0]), length, True)
        if conversion in "uoxX":
            value = narrow(arguments.take(INTEGERS[bytes][1]), length, False)
            shape = shape if value else shape.replace("#", "")  # C writes no 0x before 0
            return f"{shape}{conversion.replace('u', 'd')}" % value
        if conversion == "c":
            return f"%{flags}{width}s" % chr(arguments.take(ctypes.c_int32) & 0xFF)
        if conversion == "s":
            return f"{shape}s" % text_at(arguments.take(ctypes.c_uint64))
        if conversion == "p":
            return f"%{flags}{width}s" % hex(arguments.take(ctypes.c_uint64))
        value = arguments.take(ctypes.c_double)
        return value.hex() if conversion in "aA" else f"{shape}{conversion}" % value

    return SPECIFIER.sub(fill, pattern), count


def narrow(value, length, is_signed):
    """A value that is shown as char (hh) or short (h)."""
    bits = {"hh": 8, "h": 16}.get(length)
    if bits is None:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if is_signed and value >> bits - 1 else value


def text_at(address: int) -> str:
    return ctypes.string_at(address).decode(errors="replace") if address else "(null)"


@ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint64, ctypes.c_uint64)
def vprintf(pattern, arguments):
    text, count = formatted(text_at(pattern), arguments)
    sys.stdout.write(text)
    return count


@ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint64)
def assertfail(message, file, line, function):
    sys.stderr.write(f"{text_at(file)}:{line}: {text_at(function)}: assertion {text_at(message)!r} failed\n")


# Their addresses, in the order in which the record of a block has them.
ADDRESSES = [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in (vprintf, assertfail)]
