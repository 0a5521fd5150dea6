"""Float instructions are rounded once, in the direction they name, as exact whole numbers say."""

import math
import struct

import numpy as np
import pytest

from tests.helpers import exact
from tests.helpers.exact import FORMATS
from tests.helpers.ptx import ANY_NAN, check, is_nan, lines, operands_of, run

F32, F64 = FORMATS["f32"], FORMATS["f64"]
ROUNDING = ("rn", "rz", "rm", "rp")


def of(*opcodes, kinds=("f32", "f64", "f32x2")):
    return [line for line in lines(*opcodes) if set(line.types) <= set(kinds) and not line.has("approx", "full")]


def computed(line, kind, *bits):
    """What IEEE 754 says of a float, with .ftz and .sat as PTX has them."""
    f, mode = FORMATS[kind], line.one_of(ROUNDING, "rn")
    if line.has("ftz"):
        bits = [exact.flushed(a, f) for a in bits]
    opcode = {"mad": "fma"}.get(line.opcode, line.opcode)
    if opcode == "sub":
        opcode, bits = "add", (bits[0], exact.negated(bits[1], f))
    if opcode == "rcp":
        opcode, bits = "div", (exact.from_integer(1, f), *bits)
    found = getattr(exact, opcode)(*bits, f, mode)
    if line.has("ftz"):
        found = exact.flushed(found, f)
    if line.has("sat"):
        return exact.saturated(found, f)
    return ANY_NAN if f.is_nan(found) else found


def model(line, *bits):
    kind = line.types[-1]
    if kind != "f32x2":
        return computed(line, kind, *bits)
    return tuple(computed(line, "f32", *(v >> at & 0xFFFFFFFF for v in bits)) for at in (0, 32))


def test_the_model_is_that_of_numpy_where_numpy_has_one():
    generator = np.random.default_rng(1)
    bits = generator.integers(0, 2**32, (3, 4000), np.uint64).astype(np.uint32)
    a, b, _ = bits.view(np.float32)
    with np.errstate(all="ignore"):
        for name, found in (("add", a + b), ("mul", a * b), ("div", a / b)):
            for x, y, z in zip(*bits[:2].tolist(), found.view(np.uint32).tolist(), strict=True):
                said = getattr(exact, name)(x, y, F32)
                assert said == z or (F32.is_nan(said) and F32.is_nan(z))
        for x, z, h in zip(
            bits[0].tolist(),
            np.sqrt(a).view(np.uint32).tolist(),
            a.astype(np.float16).view(np.uint16).tolist(),
            strict=True,
        ):
            assert exact.sqrt(x, F32) == z or F32.is_nan(z)
            assert exact.converted(x, F32, FORMATS["f16"]) == h or F32.is_nan(x)


@pytest.mark.parametrize("opcode", ["add", "sub", "mul", "div"])
def test_arithmetic_in_every_direction(opcode):
    check(of(opcode), model, 500)


@pytest.mark.parametrize("opcode", ["fma", "mad"])
def test_fused_products_are_rounded_once(opcode):
    check(of(opcode), model, 700)


def test_roots_and_reciprocals_in_every_direction():
    check(of("sqrt", "rcp"), model)


def test_signs():
    def model(line, a, b=0):
        f = FORMATS[line.types[-1]]
        if line.opcode == "copysign":
            return b & ~f.sign | a & f.sign
        if f.is_nan(a):
            return ANY_NAN
        a = exact.flushed(a, f) if line.has("ftz") else a
        return a & ~f.sign if line.opcode == "abs" else a ^ f.sign

    check(of("abs", "neg", "copysign"), model)


def extreme(line, f, *bits):
    """As the manual writes it out: min, max of two or three."""
    if line.has("ftz"):
        bits = [exact.flushed(a, f) for a in bits]
    sign = 0
    if line.has("xorsign"):
        sign = (bits[0] ^ bits[1]) & f.sign
    if line.has("abs"):
        bits = [a & ~f.sign for a in bits]
    numbers = [a for a in bits if not f.is_nan(a)]
    if not numbers or (line.has("NaN") and len(numbers) < len(bits)):
        return f.nan
    choose = min if line.opcode == "min" else max
    return choose(numbers, key=lambda a: exact.order(a, f)) | sign


def test_the_less_and_the_greater_of_numbers_and_nans():
    check(of("min", "max"), lambda line, *bits: extreme(line, FORMATS[line.types[-1]], *bits), 600)


def test_classes():
    def model(line, a):
        f = FORMATS[line.types[-1]]
        size = a & ~f.sign
        return {
            "finite": size < f.infinity,
            "infinite": size == f.infinity,
            "number": size <= f.infinity,
            "notanumber": size > f.infinity,
            "normal": 1 << f.precision - 1 <= size < f.infinity,
            "subnormal": f.is_subnormal(a),
        }[line.modifiers[0]]

    check(lines("testp"), model)


# Approximate instructions

UNITS = {"div": 2, "rcp": 1, "rsqrt": 2, "sqrt": 2, "ex2": 3, "lg2": 3}  # ulp of float32 that the manual allows at most
EXACTLY = {
    "rcp": lambda x: math.copysign(math.inf, x) if x == 0 else 1 / x,
    "sqrt": lambda x: x if x == 0 else math.nan if x < 0 else math.sqrt(x),
    "rsqrt": lambda x: math.copysign(math.inf, x) if x == 0 else math.nan if x < 0 else 1 / math.sqrt(x),
    "ex2": lambda x: math.inf if x > 200 else 2.0**x,
    "lg2": lambda x: -math.inf if x == 0 else math.nan if x < 0 else math.log2(x),
    "sin": lambda x: math.nan if math.isinf(x) else math.sin(x),
    "cos": lambda x: math.nan if math.isinf(x) else math.cos(x),
    "tanh": math.tanh,
}


def as_float(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def near(line, got, exactly):
    """Whether an approximation of a float32 is as near as the manual wants."""
    if math.isnan(exactly):
        return math.isnan(got)
    rounded = float(np.float32(exactly))
    if line.has("ftz") and abs(rounded) < 2.0**-126:
        rounded = exactly = math.copysign(0.0, rounded)
    if math.isinf(rounded) or rounded == 0 or got in (0, math.inf, -math.inf):
        return got == rounded and math.copysign(1, got) == math.copysign(1, rounded)
    if line.opcode in ("sin", "cos"):
        return abs(got - exactly) <= 2.0**-20.5
    if line.opcode == "tanh":
        return abs(got - exactly) <= 2.0**-11 * abs(exactly)
    return abs(got - exactly) <= UNITS[line.opcode] * float(np.spacing(np.float32(abs(rounded))))


@np.errstate(over="ignore", invalid="ignore")
def test_approximations_are_as_near_as_the_manual_asks_and_exact_at_extremes():
    wanted = [
        line
        for line in lines("rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin", "cos", "tanh")
        if line.has("approx") and line.types == ["f32"]
    ]
    operands = [operands_of(line, 600) for line in wanted]
    for line, (given,), (found,) in zip(wanted, operands, run(wanted, operands), strict=True):
        for bits, got in zip(given.tolist(), found.tolist(), strict=True):
            value = as_float(exact.flushed(bits, F32) if line.has("ftz") else bits)
            assert near(line, as_float(got), EXACTLY[line.opcode](value)), (line.text, value, as_float(got))


@np.errstate(over="ignore", invalid="ignore")
def test_rough_quotients():
    """By more than 2**126 they are zero, and of infinity NaN, with .approx; the others are within 2 ulp."""
    wanted = [line for line in lines("div") if line.has("approx", "full")]
    operands = [operands_of(line, 700) for line in wanted]
    for line, given, (found,) in zip(wanted, operands, run(wanted, operands), strict=True):
        for a, b, got in zip(*(column.tolist() for column in given), found.tolist(), strict=True):
            if line.has("ftz"):
                a, b = exact.flushed(a, F32), exact.flushed(b, F32)
            if line.has("approx") and abs(as_float(b)) > 2.0**126:
                b &= F32.sign
                said = exact.mul(a, b, F32)
            else:
                said = exact.div(a, b, F32)
            assert near(line, as_float(got), as_float(said)), (line.text, hex(a), hex(b), hex(got))


def test_reciprocals_of_float64_that_see_the_upper_word_alone():
    wanted = [line for line in lines("rcp", "rsqrt") if line.has("approx") and line.types == ["f64"]]
    operands = [operands_of(line, 600) for line in wanted]
    for line, (given,), (found,) in zip(wanted, operands, run(wanted, operands), strict=True):
        for bits, got in zip(given.tolist(), found.tolist(), strict=True):
            a = bits
            if line.has("ftz"):
                a = exact.flushed(bits & ~0xFFFFFFFF, F64) if not F64.is_nan(bits) else bits
            root = exact.sqrt(a, F64) if line.opcode == "rsqrt" else a
            said = exact.div(exact.from_integer(1, F64), root, F64)
            if F64.is_nan(said):
                assert is_nan(got, "f64")
                continue
            if line.has("ftz"):
                assert got & 0xFFFFFFFF == 0
                said = exact.flushed(said, F64)
            # The last of the bits that are kept may differ; without .ftz two roundings are within two of the last.
            assert abs(got - said) <= (2**32 if line.has("ftz") else 2), (line.text, hex(bits), hex(got), hex(said))
