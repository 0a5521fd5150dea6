"""Values as LLVM writes them."""

import struct


def width(kind: str) -> int:
    """Bits of an LLVM type."""
    return {"float": 32, "double": 64}.get(kind) or int(kind[1:])


def zero(kind: str) -> str:
    return {"float": "0.0", "double": "0.0"}.get(kind, "0")


def literal(bits: int, kind: str) -> str:
    """A constant of an LLVM type with these bits."""
    if kind == "float":  # LLVM writes floats as the doubles that they equal; NaNs as well
        sign, exponent, fraction = bits >> 31, bits >> 23 & 0xFF, bits & 0x7FFFFF
        if exponent == 0xFF:
            return f"0x{sign << 63 | 0x7FF << 52 | fraction << 29:016X}"
        (value,) = struct.unpack("<f", bits.to_bytes(4, "little"))
        return f"0x{int.from_bytes(struct.pack('>d', value), 'big'):016X}"
    if kind == "double":
        return f"0x{bits:016X}"
    if kind == "i1":
        return "true" if bits & 1 else "false"
    return str(bits)
