"""Floats in whole numbers: what IEEE 754 says of an operation, computed exactly and rounded once.

A float is its bits, an int; a number is (sign, m, e) for (-1)**sign * m * 2**e. Nothing here knows how the emulator
computes it, and no float of Python takes part.
"""

from dataclasses import dataclass
from math import isqrt


@dataclass(frozen=True)
class Format:
    """Bits in all, bits of the significand with the hidden one, and the exponent of the least normal number."""

    bits: int
    precision: int
    low: int
    nan: int

    @property
    def infinity(self):
        return (1 << self.bits - 1) - (1 << self.precision - 1)

    @property
    def sign(self):
        return 1 << self.bits - 1

    def is_nan(self, bits):
        return bits & ~self.sign > self.infinity

    def is_infinite(self, bits):
        return bits & ~self.sign == self.infinity

    def is_subnormal(self, bits):
        return 0 < bits & ~self.sign < 1 << self.precision - 1

    def number(self, bits):
        """(sign, m, e) of a finite one."""
        size, stored = bits & ~self.sign, self.precision - 1
        exponent, fraction = size >> stored, size & (1 << stored) - 1
        m = fraction | (1 << stored if exponent else 0)
        return int(bits & self.sign != 0), m, max(exponent, 1) - 1 + self.low - stored


FORMATS = {
    "f16": Format(16, 11, -14, 0x7FFF),
    "bf16": Format(16, 8, -126, 0x7FFF),
    "f32": Format(32, 24, -126, 0x7FFFFFFF),
    "f64": Format(64, 53, -1022, 0x7FFFFFFFFFFFFFFF),
    "e5m2": Format(8, 3, -14, 0x7F),
}


def rounded(sign, m, e, f: Format, mode="rn", more=False):
    """The bits of a number rounded; `more`: it is a little larger, by less than its last bit."""
    if m == 0 and not more:
        return sign << f.bits - 1
    lead = e + m.bit_length() - 1
    last = max(lead, f.low) - (f.precision - 1)
    shift = last - e
    if shift <= 0:
        assert not more
        n, up = m << -shift, False
    else:
        n, cut, half = m >> shift, m & (1 << shift) - 1, 1 << shift - 1
        exact = cut == 0 and not more
        up = {
            "rn": cut > half or (cut == half and (more or n & 1)),
            "rna": cut >= half,
            "rz": False,
            "rp": not exact and not sign,
            "rm": not exact and sign,
        }[mode]
    n += bool(up)
    if n >> f.precision:
        n, last = n >> 1, last + 1
    hidden = 1 << f.precision - 1
    code = n if n < hidden else n - hidden + (last + f.precision - f.low << f.precision - 1)
    if code >= f.infinity:
        away = mode in ("rn", "rna") or (mode == "rp" and not sign) or (mode == "rm" and sign)
        code = f.infinity if away else f.infinity - 1
    return code | sign << f.bits - 1


def total(x, y, mode):
    """The exact sum of two numbers."""
    (s, m, e), (t, n, g) = x, y
    low = min(e, g)
    value = (-m if s else m) << e - low
    other = (-n if t else n) << g - low
    found = value + other
    if found == 0:  # of zeros, or of opposite numbers
        both = s == t and m == n == 0
        return (s if both else int(mode == "rm")), 0, 0
    return int(found < 0), abs(found), low


def add(a, b, f: Format, mode="rn"):
    if f.is_nan(a) or f.is_nan(b):
        return f.nan
    if f.is_infinite(a) or f.is_infinite(b):
        if f.is_infinite(a) and f.is_infinite(b) and a != b:
            return f.nan
        return a if f.is_infinite(a) else b
    return rounded(*total(f.number(a), f.number(b), mode), f, mode)


def negated(a, f: Format):
    return a ^ f.sign


def product(x, y):
    (s, m, e), (t, n, g) = x, y
    return s ^ t, m * n, e + g


def mul(a, b, f: Format, mode="rn"):
    if f.is_nan(a) or f.is_nan(b):
        return f.nan
    sign = (a ^ b) & f.sign
    if f.is_infinite(a) or f.is_infinite(b):
        return f.nan if 0 in (a & ~f.sign, b & ~f.sign) else f.infinity | sign
    return rounded(*product(f.number(a), f.number(b)), f, mode)


def fma(a, b, c, f: Format, mode="rn"):
    if f.is_nan(a) or f.is_nan(b) or f.is_nan(c):
        return f.nan
    if f.is_infinite(a) or f.is_infinite(b):
        return add(mul(a, b, f), c if f.is_infinite(c) else 0, f)
    if f.is_infinite(c):
        return c
    return rounded(*total(product(f.number(a), f.number(b)), f.number(c), mode), f, mode)


def div(a, b, f: Format, mode="rn"):
    if f.is_nan(a) or f.is_nan(b):
        return f.nan
    sign = (a ^ b) & f.sign
    zero = (a & ~f.sign == 0, b & ~f.sign == 0)
    infinite = (f.is_infinite(a), f.is_infinite(b))
    if all(zero) or all(infinite):
        return f.nan
    if infinite[0] or zero[1]:
        return f.infinity | sign
    if infinite[1] or zero[0]:
        return sign
    (s, m, e), (t, n, g) = f.number(a), f.number(b)
    by = 3 * f.precision
    quotient, rest = divmod(m << by, n)
    return rounded(s ^ t, quotient, e - g - by, f, mode, rest != 0)


def sqrt(a, f: Format, mode="rn"):
    if f.is_nan(a) or (a & f.sign and a != f.sign):
        return f.nan
    if a == f.sign or a == 0 or f.is_infinite(a):
        return a
    _, m, e = f.number(a)
    by = 4 * f.precision + (e & 1)
    root = isqrt(m << by)
    return rounded(0, root, (e - by) // 2, f, mode, root * root != m << by)


def flushed(a, f: Format):
    """A subnormal as zero of its sign."""
    return a & f.sign if f.is_subnormal(a) else a


def saturated(a, f: Format):
    """Limited to [0, 1]; NaN becomes 0."""
    one = -f.low + 1 << f.precision - 1
    return 0 if f.is_nan(a) or a & f.sign else min(a, one)


def relu(a, f: Format):
    return f.nan if f.is_nan(a) else 0 if a & f.sign else a


def converted(a, of: Format, to: Format, mode="rn"):
    if of.is_nan(a):
        return to.nan
    sign = int(a & of.sign != 0)
    if of.is_infinite(a):
        return to.infinity | sign << to.bits - 1
    return rounded(*of.number(a), to, mode)


def from_integer(value, to: Format, mode="rn"):
    return rounded(int(value < 0), abs(value), 0, to, mode)


def whole(a, f: Format, mode):
    """(sign, size) of a finite number rounded to a whole one: rni, rzi, rmi or rpi."""
    sign, m, e = f.number(a)
    if e >= 0:
        return sign, m << e
    n, cut, half = m >> -e, m & (1 << -e) - 1, 1 << -e - 1
    up = {
        "rni": cut > half or (cut == half and n & 1),
        "rzi": False,
        "rpi": cut and not sign,
        "rmi": cut and sign,
    }[mode]
    return sign, n + bool(up)


def order(a, f: Format):
    """A number that is larger for the larger float, and of zeros for the positive one."""
    return -(a & ~f.sign) - 1 if a & f.sign else a


def compare(a, b, f: Format):
    """-1, 0 or 1; None with a NaN."""
    if f.is_nan(a) or f.is_nan(b):
        return None
    x, y = (0 if v & ~f.sign == 0 else order(v, f) + (v & f.sign != 0) for v in (a, b))
    return (x > y) - (x < y)
