"""cvt between every two types, with every rounding."""

import pytest

from kernels.gpu.emulator.types import BITS
from tests.helpers import exact
from tests.helpers.exact import FORMATS, Format
from tests.helpers.ptx import ANY_NAN, check, clamped, lines, masked, number, signed

ROUNDING = ("rn", "rz", "rm", "rp", "rna")
WHOLE = ("rni", "rzi", "rmi", "rpi")
TF32 = Format(19, 11, -126, 0x3FFFF)


def register_bits(value, kind):
    """An integer in a register, which has 16 bits for those of 8: extended as its type is signed."""
    return masked(value, kind) if BITS[kind] > 8 else value & 0xFFFF


def cvt(line, *bits):
    to, of = line.types
    if of not in FORMATS and to not in FORMATS:
        value = number(bits[0] & (1 << BITS[of]) - 1, of)
        value = (
            clamped(value, to)
            if line.has("sat")
            else signed(masked(value, to), BITS[to])
            if to[0] == "s"
            else masked(value, to)
        )
        return register_bits(value, to)
    if of not in FORMATS:
        return to_float(
            line, exact.from_integer(number(bits[0] & (1 << BITS[of]) - 1, of), FORMATS[to], mode(line)), to
        )
    f = FORMATS[of]
    a = exact.flushed(bits[0], f) if line.has("ftz") and of == "f32" else bits[0]
    how = line.one_of(WHOLE)
    if to not in FORMATS and to != "tf32":
        return to_integer(a, f, to, of, how)
    if how and not (f.is_nan(a) or f.is_infinite(a)):
        sign, size = exact.whole(a, f, how)
        a = exact.rounded(sign, size, 0, f)
    if to == "tf32":
        found = exact.converted(a, f, TF32, mode(line))
        if found == TF32.nan:
            return 0x7FFFFFFF
        found = finish_finite(line, found, TF32)
        return (0 if line.has("relu") and found & TF32.sign else found) << 13
    return to_float(line, exact.converted(a, f, FORMATS[to], mode(line)), to)


def mode(line):
    return line.one_of(ROUNDING, "rn")


def finish_finite(line, found, f):
    return found - 1 if line.has("satfinite") and f.is_infinite(found) else found


def to_float(line, found, to):
    f = FORMATS[to]
    if line.has("ftz") and to == "f32":
        found = exact.flushed(found, f)
    if line.has("relu"):
        found = exact.relu(found, f)
    if line.has("sat"):
        return exact.saturated(found, f)
    if f.is_nan(found):
        return ANY_NAN if to == "f64" else f.nan
    return finish_finite(line, found, f)


def to_integer(a, f, to, of, how):
    if f.is_nan(a):
        return (
            register_bits(1 << BITS[to] - 1, to)
            if (of == "f64" or BITS[to] == 64) and to[0] == "u"
            else (register_bits(-(1 << BITS[to] - 1), to) if of == "f64" or BITS[to] == 64 else 0)
        )
    if f.is_infinite(a):
        value = -(1 << 80) if a & f.sign else 1 << 80
    else:
        sign, size = exact.whole(a, f, how)
        value = -size if sign else size
    return register_bits(clamped(value, to), to)


def singles():
    return [
        line
        for line in lines("cvt")
        if len(line.types) == 2 and "x2" not in "".join(line.types) and not line.has("pack")
    ]


@pytest.mark.parametrize(
    "to", ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "f16", "bf16", "tf32", "f32", "f64"]
)
def test_conversions_to(to):
    check([line for line in singles() if line.types[0] == to], cvt)


def test_long_integers_become_halves_by_one_rounding():
    """Values just beside the middle between two bfloat16, with their last bit set."""
    import numpy as np

    from tests.helpers.ptx import run

    wanted = [line for line in singles() if line.types[0] == "bf16" and line.types[1] in ("u64", "s64")]
    middle = [(n << 55) + (1 << 54) + more for n in range(128, 256) for more in (-1, 0, 1, 2**10, -(2**10))]
    column = np.array([v >> 1 for v in middle], np.uint64)
    for line, (found,) in zip(wanted, run(wanted, [[column]] * len(wanted)), strict=True):
        said = [exact.from_integer(int(v), FORMATS["bf16"], mode(line)) for v in column]
        assert found.tolist() == said, line.text


def test_two_floats_are_packed_the_first_above_the_second():
    def model(line, a, b):
        f = FORMATS[line.types[0][:-2]]
        high, low = (to_half(line, exact.converted(v, FORMATS["f32"], f, mode(line)), f) for v in (a, b))
        return high << 16 | low

    check([line for line in lines("cvt") if line.types in (["f16x2", "f32"], ["bf16x2", "f32"])], model, 600)


def to_half(line, found, f):
    found = exact.relu(found, f) if line.has("relu") else found
    return finish_finite(line, found, f)


def e4m3(bits, of):
    """A float to 4 bits of exponent and 3 of fraction: no infinity, the largest is 448; NaN is 0x7F."""
    f = FORMATS[of]
    if f.is_nan(bits):
        return 0x7F
    sign = int(bits & f.sign != 0)
    if f.is_infinite(bits):
        return sign << 7 | 0x7E
    large = exact.rounded(*f.number(bits), Format(9, 4, -6, 0xFF))  # a bit more of exponent
    return sign << 7 | min(large & 0xFF, 0x7E)


def test_floats_of_8_bits():
    def narrow(line, bits, of):
        kind = line.types[0][:-2]
        if kind == "e4m3":
            found = e4m3(bits, of)
        else:
            found = finish_finite(line, exact.converted(bits, FORMATS[of], FORMATS[kind]), FORMATS[kind])
        return 0 if line.has("relu") and found & 0x80 else found

    def model(line, a, b=None):
        if b is not None:
            return narrow(line, a, "f32") << 8 | narrow(line, b, "f32")
        if line.types[1] == "f16x2":
            return narrow(line, a >> 16, "f16") << 8 | narrow(line, a & 0xFFFF, "f16")
        return wide(line, a >> 8) << 16 | wide(line, a & 0xFF)

    def wide(line, bits):
        kind, f = line.types[1][:-2], FORMATS["f16"]
        if kind == "e5m2":
            found = exact.converted(bits, FORMATS[kind], f)
        elif bits & 0x7F == 0x7F:
            found = f.nan
        else:
            exponent, fraction = bits >> 3 & 15, bits & 7
            m = fraction | 8 if exponent else fraction
            found = exact.rounded(bits >> 7, m, max(exponent, 1) - 7 - 3, f)
        return exact.relu(found, f) if line.has("relu") else found

    check([line for line in lines("cvt") if {"e4m3x2", "e5m2x2"} & set(line.types)], model, 900)


def test_integers_are_packed_with_those_of_a_third_register_above():
    def model(line, a, b, c=0):
        to = next(m for m in line.modifiers if m[1:].isdigit())
        bits = int(to[1:])
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if to[0] == "s" else (0, (1 << bits) - 1)
        x, y = (min(max(signed(v, 32), low), high) & (1 << bits) - 1 for v in (a, b))
        return (c << 2 * bits | x << bits | y) & 0xFFFFFFFF

    check([line for line in lines("cvt") if line.has("pack")], model)
