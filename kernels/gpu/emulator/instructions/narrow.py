"""Floats of fewer than 32 bits, in and out of float64, which holds each of them exactly.

LLVM's own conversions of halves would need processors that have them, or functions that a process may not have, so they
are written out here in whole numbers. Only float64 is rounded to them, and only once.
"""

from dataclasses import dataclass

SIZE = (1 << 63) - 1  # all bits of a float64 but its sign
HIDDEN = 1 << 52
INFINITY64 = 0x7FF << 52


@dataclass(frozen=True)
class Format:
    """A binary float: `precision` bits of significand with the hidden one; exponents of normal numbers begin at `low`.

    infinity is the code behind the largest number, of e4m3 that of NaN. shift: zeros that stand behind it in memory.
    """

    bits: int
    precision: int
    low: int
    infinity: int
    nan: int
    shift: int = 0


FORMATS = {
    "f16": Format(16, 11, -14, 0x7C00, 0x7FFF),
    "bf16": Format(16, 8, -126, 0x7F80, 0x7FFF),
    "tf32": Format(32, 11, -126, 0xFF << 10, 0x7FFFFFFF, shift=13),
    "e4m3": Format(8, 4, -6, 0x7F, 0x7F),
    "e5m2": Format(8, 3, -14, 0x7C, 0x7F),
}


def widened(t, value: str, kind: str) -> str:
    """The bits of a float as a double."""
    bits = FORMATS[kind].bits
    t.define(f"widen.{kind}", widening(kind))
    return t.emit(f"call double @widen.{kind}(i{bits} {value})")


def narrowed(t, value: str, kind: str, mode: str = "rn", finite: bool = False) -> str:
    """A double rounded to a float: its bits. mode: rn, rz, rm, rp, or rna, to the nearest and from the middle away.

    finite    whether what is larger than the largest number, infinity too, becomes that number (.satfinite)
    """
    name = f"narrow.{kind}.{mode}{'.finite' if finite else ''}"
    t.define(name, narrowing(name, kind, mode, finite))
    t.declared.setdefault("llvm.umax.i64", "declare i64 @llvm.umax.i64(i64, i64)")
    t.declared.setdefault("llvm.umin.i64", "declare i64 @llvm.umin.i64(i64, i64)")
    return t.emit(f"call i{FORMATS[kind].bits} @{name}(double {value})")


def widening(kind: str) -> str:
    """The bits are put where a double has them, and multiplied by a power of two, as exponents begin elsewhere."""
    f = FORMATS[kind]
    place = 53 - f.precision
    scale = (2046 - (1 - f.low)) << 52  # 2**(1023 - bias) as bits
    return f"""define internal double @widen.{kind}(i{f.bits} %x) {{
  %sign = lshr i{f.bits} %x, {f.bits - 1}
  %size = and i{f.bits} %x, {(1 << f.bits - 1) - 1}
  %is.number = icmp ult i{f.bits} %size, {f.infinity << f.shift}
  %is.infinity = icmp eq i{f.bits} %size, {-1 if f.infinity == f.nan else f.infinity << f.shift}
  %wide = zext i{f.bits} %size to i64
  %placed = shl i64 %wide, {place - f.shift}
  %tiny = bitcast i64 %placed to double
  %scale = bitcast i64 {scale} to double
  %number = fmul double %tiny, %scale
  %number.bits = bitcast double %number to i64
  %special = select i1 %is.infinity, i64 {INFINITY64}, i64 {SIZE}
  %bits = select i1 %is.number, i64 %number.bits, i64 %special
  %sign.wide = zext i{f.bits} %sign to i64
  %sign.placed = shl i64 %sign.wide, 63
  %signed = or i64 %bits, %sign.placed
  %r = bitcast i64 %signed to double
  ret double %r
}}"""


def narrowing(name: str, kind: str, mode: str, is_finite: bool) -> str:
    """The significand is cut to what fits above the least exponent; what is cut off decides whether one is added.

    Codes of floats are in the order of their values, so a carry out of the significand gives the next exponent, and
    infinity at last. What would be larger is infinity, or the largest number where it is rounded towards zero.
    """
    f = FORMATS[kind]
    limit = f.infinity - 1
    infinity = limit if is_finite else f.infinity
    up, most = {
        "rn": ("%above = icmp ugt i64 %cut, %half\n  %middle = icmp eq i64 %cut, %half\n"
               "  %odd = trunc i64 %kept to i1\n  %to.even = and i1 %middle, %odd\n  %up = or i1 %above, %to.even",
               str(infinity)),
        "rna": ("%up = icmp uge i64 %cut, %half", str(infinity)),
        "rz": ("%up = icmp ult i64 0, 0", str(limit)),
        "rp": ("%some = icmp ne i64 %cut, 0\n  %up = and i1 %some, %positive", "%limit"),
        "rm": ("%some = icmp ne i64 %cut, 0\n  %up = and i1 %some, %negative", "%limit"),
    }[mode]  # fmt: skip
    return f"""define internal i{f.bits} @{name}(double %x) {{
  %bits = bitcast double %x to i64
  %negative = icmp slt i64 %bits, 0
  %positive = xor i1 %negative, true
  %size = and i64 %bits, {SIZE}
  %exponent = lshr i64 %size, 52
  %fraction = and i64 %size, {HIDDEN - 1}
  %significand = or i64 %fraction, {HIDDEN}
  %scale = call i64 @llvm.umax.i64(i64 %exponent, i64 {f.low + 1023})
  %below = sub i64 %scale, %exponent
  %cuts = add i64 %below, {53 - f.precision}
  %by = call i64 @llvm.umin.i64(i64 %cuts, i64 63)
  %kept = lshr i64 %significand, %by
  %ones = shl i64 -1, %by
  %rest = xor i64 %ones, -1
  %cut.normal = and i64 %significand, %rest
  %is.zero = icmp eq i64 %size, 0
  %cut = select i1 %is.zero, i64 0, i64 %cut.normal
  %by.less = sub i64 %by, 1
  %half = shl i64 1, %by.less
  {up}
  %one = zext i1 %up to i64
  %rounded = add i64 %kept, %one
  %above.low = sub i64 %scale, {f.low + 1023}
  %placed = shl i64 %above.low, {f.precision - 1}
  %code = add i64 %rounded, %placed
  %limit = select i1 %{"positive" if mode == "rp" else "negative"}, i64 {infinity}, i64 {limit}
  %number = call i64 @llvm.umin.i64(i64 %code, i64 {most})
  %is.infinity = icmp eq i64 %size, {INFINITY64}
  %finite = select i1 %is.infinity, i64 {infinity}, i64 %number
  %shifted = shl i64 %finite, {f.shift}
  %sign = select i1 %negative, i64 {1 << f.bits - 1}, i64 0
  %signed = or i64 %shifted, %sign
  %none = icmp ugt i64 %size, {INFINITY64}
  %found = select i1 %none, i64 {f.nan}, i64 %signed
  %r = trunc i64 %found to i{f.bits}
  ret i{f.bits} %r
}}"""
