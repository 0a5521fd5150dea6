"""The types of PTX: how many bits each has, what LLVM calls it, and what its name means."""

BITS = {
    "pred": 1,
    **{f"{kind}{bits}": bits for kind in "usb" for bits in (8, 16, 32, 64)},
    "b128": 128,
    "f16": 16,
    "bf16": 16,
    "f16x2": 32,
    "bf16x2": 32,
    "u16x2": 32,
    "s16x2": 32,
    "f32x2": 64,
    "e4m3x2": 16,
    "e5m2x2": 16,
    "tf32": 32,
    "f32": 32,
    "f64": 64,
}


def llvm(kind: str) -> str:
    """float for f32 and double for f64, else an integer of as many bits: those of halves are kept as bits."""
    return {"f32": "float", "f64": "double"}.get(kind, f"i{BITS[kind]}")


def is_float(kind: str) -> bool:
    """Whether it is computed as a float by LLVM."""
    return kind in ("f32", "f64")


def is_signed(kind: str) -> bool:
    return kind.startswith("s")
