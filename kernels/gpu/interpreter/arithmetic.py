"""Arithmetic as a GPU does it, where Python does it otherwise: no exceptions, 64-bit integers, C's corner cases.

float64 is a Python float, float32 a np.float32, every integer a Python int within the bounds of its type.
"""

import math
from fractions import Fraction

import numpy as np

from kernels.gpu.interpreter.errors import Undefined


def wrap(value, low, high):
    """An integer too large for its type, as two's complement leaves it.

    For uint64 that is a promise. Of int64 Numba tells LLVM that it never overflows; it wraps unless LLVM uses that.
    """
    return (value - low & high - low) + low


def to_integer(value, low, high):
    """A float without its fraction. On a GPU the result for a value that does not fit is undefined."""
    if math.isfinite(value) and low <= (whole := int(value)) <= high:
        return whole
    raise Undefined(f"{value} has no integer from {low} to {high}, its conversion is undefined")


def divide(a, b):
    """float64 a / b, where 1 / 0 is infinite."""
    return a / b if b else float(np.float64(a) / np.float64(b))


def floor_divide_integer(a, b):
    """a // b rounded down; 0 where b is 0 or the quotient has 65 bits, as Numba compiles it."""
    return 0 if b == 0 or (b == -1 and a == -(2**63)) else a // b


def modulo_integer(a, b):
    return a % b if b else 0


def _divmod_float(a, b):
    """Python's algorithm, in the type of a and b: the remainder has the sign of b, the quotient is whole."""
    zero, one = type(a)(0), type(a)(1)
    remainder = np.fmod(a, b)
    quotient = (a - remainder) / b
    if remainder:
        if (b < zero) != (remainder < zero):
            remainder += b
            quotient -= one
    else:
        remainder = np.copysign(zero, b)
    if quotient:
        whole = np.floor(quotient)
        if quotient - whole > type(a)(0.5):
            whole += one
    else:
        whole = quotient * quotient * a / b
    return whole, remainder


def floor_divide_float(a, b):
    a, b = (a, b) if isinstance(a, np.float32) else (np.float64(a), np.float64(b))
    return _divmod_float(a, b)[0] if b else a / b


def modulo_float(a, b):
    a, b = (a, b) if isinstance(a, np.float32) else (np.float64(a), np.float64(b))
    return _divmod_float(a, b)[1] if b else np.fmod(a, b)


def shift(value, by, left, bits):
    """A shift by a variable amount. By as many bits as the type has, or by a negative number, it is undefined."""
    if not 0 <= by < bits:
        raise Undefined(f"a shift by {by} of a number of {bits} bits is undefined")
    return value << by if left else value >> by


def power_of_integers(base, exponent, low, high):
    """base ** exponent of integers, by repeated squaring, wrapping as it goes."""
    if exponent < 0:
        if base == 0:
            return low
        return base ** (-exponent % 2) if base in (1, -1) else 0
    return wrap(pow(base, exponent, high - low + 1), low, high)


def power_of_float(base, exponent):
    """A float to the power of an integer, by repeated squaring as Numba does it."""
    one = type(base)(1)
    if abs(exponent) > 0x10000:
        return type(base)(np.power(base, type(base)(exponent)))
    result, remaining = one, abs(exponent)
    with np.errstate(all="ignore"):
        while remaining:
            if remaining & 1:
                result = result * base
            remaining >>= 1
            base = base * base
        return (
            one / result
            if exponent < 0 and isinstance(result, np.float32)
            else (divide(1.0, result) if exponent < 0 else result)
        )


def fmax(a, b):
    """The larger one; of a number and NaN the number, which is how CUDA compiles max()."""
    if a == b:
        return b if math.copysign(1, a) < 0 else a
    return a if a > b or b != b else b


def fmin(a, b):
    if a == b:
        return a if math.copysign(1, a) < 0 else b
    return a if a < b or b != b else b


def fma(a, b, c):
    """a * b + c, rounded once."""
    if isinstance(a, np.float16 | np.float32):
        return _fma_of_short_floats(type(a), float(a), float(b), float(c))
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    try:
        return float(exact) if exact else a * b + c
    except OverflowError:
        return math.copysign(math.inf, exact)


def _fma_of_short_floats(type_, a, b, c):
    """The product is exact in float64. The sum is rounded to odd there, so that rounding it again is harmless."""
    product = a * b
    total = product + c
    if math.isfinite(total):
        virtual = total - product
        error = (product - (total - virtual)) + (c - virtual)
        if error and not np.float64(total).view(np.int64) & 1:
            total = math.nextafter(total, math.copysign(math.inf, error))
    return type_(total)


def maximum(a, b):
    """np.maximum: of a number and NaN NaN."""
    return (a if a != a else b) if a != a or b != b else (a if a >= b else b)


def minimum(a, b):
    return (a if a != a else b) if a != a or b != b else (a if a <= b else b)


def fmax_of_numbers(a, b):
    """np.fmax: of a number and NaN the number, of two zeros the first."""
    return (a if b != b else b) if a != a or b != b else (a if a >= b else b)


def fmin_of_numbers(a, b):
    return (a if b != b else b) if a != a or b != b else (a if a <= b else b)


def is_nan(x):
    return x != x


def frexp(x):
    """(mantissa, exponent) of a float, the mantissa in its type."""
    mantissa, exponent = math.frexp(x)
    return type(x)(mantissa), exponent


def modf(x):
    """(fraction, whole part) of a float, both in its type."""
    fraction, whole = math.modf(x)
    return type(x)(fraction), type(x)(whole)


def ldexp(x, exponent):
    """x * 2**exponent, rounded once."""
    try:
        return type(x)(math.ldexp(x, exponent))
    except OverflowError:
        return type(x)(math.copysign(math.inf, x))


def nearest_even(x):
    """The nearest whole number, of two the even one."""
    return type(x)(np.rint(x))


def nearest_away(x):
    """The nearest whole number, of two the one farther from zero."""
    whole = np.trunc(x)
    return type(x)(whole + np.copysign(abs(x - whole) >= 0.5, x)) if abs(x) < 2**52 else x


def rsqrt(x):
    return type(x)(1 / np.sqrt(np.float64(x)))


def cbrt(x):
    return type(x)(np.cbrt(x))


def popc(value, bits):
    return (value & (1 << bits) - 1).bit_count()


def ffs(value, bits):
    """Number of the lowest bit that is set, counted from 1; 0 if none is."""
    value &= (1 << bits) - 1
    return (value & -value).bit_length()


def clz(value, bits):
    return bits - (value & (1 << bits) - 1).bit_length()


def brev(value, bits):
    return int(format(value & (1 << bits) - 1, f"0{bits}b")[::-1], 2)


def _guarded(function, fallback):
    """`function` of math, with C's NaN and infinity where Python raises."""

    def call(*args):
        try:
            return function(*args)
        except (ValueError, OverflowError, ZeroDivisionError):
            return float(fallback(*map(np.float64, args)))

    return call


def _gamma_pole(x):
    """gamma where Python raises: at zero it has the sign of the zero, at large x it overflows, else it is no number."""
    if x == 0:
        return math.copysign(math.inf, x)
    return math.inf if x > 0 else math.nan


# Functions by their names in math and, where those differ, in NumPy, which knows C's results for all arguments.
NAMES = {
    "acos": "arccos",
    "asin": "arcsin",
    "atan": "arctan",
    "acosh": "arccosh",
    "asinh": "arcsinh",
    "atanh": "arctanh",
}
NAMES |= {n: n for n in ("exp", "exp2", "expm1", "sqrt", "log", "log2", "log10", "log1p", "sin", "cos", "tan")}
NAMES |= {n: n for n in ("sinh", "cosh", "tanh", "hypot", "fmod", "copysign", "nextafter", "degrees", "radians")}
NAMES |= {"pow": "power"}
MATH = {getattr(math, n): _guarded(getattr(math, n), getattr(np, m)) for n, m in NAMES.items() if hasattr(math, n)}
MATH |= {
    math.atan2: math.atan2,
    math.remainder: _guarded(math.remainder, lambda x, y: math.nan),
    math.erf: math.erf,
    math.erfc: math.erfc,
    math.gamma: _guarded(math.gamma, _gamma_pole),
    math.lgamma: _guarded(math.lgamma, lambda x: math.inf),
    math.fabs: abs,
    math.floor: lambda x: float(np.floor(x)),
    math.ceil: lambda x: float(np.ceil(x)),
    math.trunc: lambda x: float(np.trunc(x)),
    math.isnan: math.isnan,
    math.isinf: math.isinf,
    math.isfinite: math.isfinite,
}
"""math's functions of float64, as CUDA compiles them: floor, ceil and trunc of a float are floats there."""
