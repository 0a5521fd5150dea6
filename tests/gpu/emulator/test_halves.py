"""float16 and bfloat16, alone and in pairs: rounded once, as exact whole numbers say."""

import math
import struct

import numpy as np
import pytest

from kernels.gpu.emulator import load
from tests.gpu.emulator.test_floats import as_float, extreme
from tests.helpers import exact
from tests.helpers.exact import FORMATS
from tests.helpers.ptx import ANY_NAN, HEAD, check, lines, operands_of, run

HALVES = ("f16", "bf16", "f16x2", "bf16x2")


def of(*opcodes):
    return [line for line in lines(*opcodes) if set(line.types) <= set(HALVES)]


def each(compute):
    """A model of one half, for instructions of one or of two."""

    def model(line, *bits):
        kind = line.types[-1]
        if not kind.endswith("x2"):
            return compute(line, kind, *bits)
        return tuple(compute(line, kind[:-2], *(v >> n & 0xFFFF for v in bits)) for n in (0, 16))

    return model


@each
def arithmetic(line, kind, *bits):
    f = FORMATS[kind]
    if line.has("ftz"):
        bits = [exact.flushed(a, f) for a in bits]
    if line.opcode == "sub":
        found = exact.add(bits[0], exact.negated(bits[1], f), f)
    else:
        found = getattr(exact, line.opcode)(*bits, f)
    if line.has("ftz"):
        found = exact.flushed(found, f)
    if line.has("sat"):
        return exact.saturated(found, f)
    return exact.relu(found, f) if line.has("relu") else found  # a NaN is 0x7FFF


@pytest.mark.parametrize("opcode", ["add", "sub", "mul", "fma"])
def test_arithmetic_is_rounded_once(opcode):
    check(of(opcode), arithmetic, 3000)


def test_a_fused_product_just_beside_the_middle_between_two_halves():
    """There rounding to float64 first, or to float32, would fall on the middle and from there to the even side."""
    generator = np.random.default_rng(3)
    wanted = [line for line in lines("fma") if line.types[0] in ("f16", "bf16") and line.modifiers[:-1] == ("rn",)]
    assert len(wanted) == 2
    operands = []
    for line in wanted:
        f = FORMATS[line.types[0]]
        columns = []
        while len(columns) < 400:
            a, b = (int(v) for v in generator.integers(1, f.infinity, 2))
            large = exact.mul(a, b, f)
            if f.is_infinite(large) or large < 1 << 12:
                continue
            # A small product, and a large summand that is not halfway, or the other way round.
            c = int(generator.integers(large, f.infinity)) ^ int(generator.integers(0, 2)) << 15
            columns.append((a, b, c))
        operands.append([np.array(column, np.uint64) for column in zip(*columns, strict=True)])
    for line, given, (found,) in zip(wanted, operands, run(wanted, operands), strict=True):
        for *bits, got in zip(*(column.tolist() for column in given), found.tolist(), strict=True):
            assert got == exact.fma(*bits, FORMATS[line.types[0]]), (line.text, bits)


def test_signs_and_extremes():
    @each
    def sign(line, kind, a):
        f = FORMATS[kind]
        if f.is_nan(a):
            return ANY_NAN
        a = exact.flushed(a, f) if line.has("ftz") else a
        return a & ~f.sign if line.opcode == "abs" else a ^ f.sign

    check(of("neg", "abs"), sign, 600)
    check(of("min", "max"), each(lambda line, kind, a, b: extreme(line, FORMATS[kind], a, b)), 600)


def test_sums_of_halves_and_a_float32():
    def model(line, *bits):
        kind, f, mode = line.types[-1], FORMATS["f32"], line.one_of(("rn", "rz", "rm", "rp"), "rn")
        *some, last = bits
        wide = [exact.converted(a, FORMATS[kind], f) for a in some]
        if line.opcode == "fma":
            found = exact.fma(*wide, last, f, mode)
        else:
            found = exact.add(*wide, exact.negated(last, f) if line.opcode == "sub" else last, f, mode)
        if line.has("sat"):
            return exact.saturated(found, f)
        return ANY_NAN if f.is_nan(found) else found

    check([line for line in lines("add", "sub", "fma") if line.types in (["f32", "f16"], ["f32", "bf16"])], model, 500)


def value(bits, kind):
    return as_float(exact.converted(bits, FORMATS[kind], FORMATS["f32"]))


def test_exponentials_and_tangents_are_as_near_as_the_manual_asks():
    bounds = {
        ("ex2", "f16"): 2.0**-9.9,
        ("ex2", "bf16"): 2.0**-7,
        ("tanh", "f16"): 2.0**-10.987,
        ("tanh", "bf16"): 2.0**-8,
    }
    wanted = of("ex2", "tanh")
    operands = [operands_of(line, 500) for line in wanted]
    for line, (given,), (found,) in zip(wanted, operands, run(wanted, operands), strict=True):
        kind = line.types[0].removesuffix("x2")
        f = FORMATS[kind]
        for a, got in zip(given.tolist(), found.tolist(), strict=True):
            for at in (0, 16) if line.types[0].endswith("x2") else (0,):
                x, y = a >> at & 0xFFFF, got >> at & 0xFFFF
                if f.is_nan(x):
                    assert y == 0x7FFF
                    continue
                exactly = math.tanh(value(x, kind)) if line.opcode == "tanh" else 2.0 ** min(value(x, kind), 200)
                limit = exactly * bounds[line.opcode, kind]
                bits = exact.converted(int.from_bytes(struct.pack("<d", exactly), "little"), FORMATS["f64"], f)
                if f.is_infinite(bits) or bits & ~f.sign < 1 << f.precision - 1:
                    assert abs(y - bits) <= 1 or (line.has("ftz") and y == 0), (line.text, hex(x), hex(y))
                else:
                    assert abs(value(y, kind) - exactly) <= abs(limit), (line.text, hex(x), hex(y))


def test_every_half_becomes_the_float32_that_it_is_and_comes_back():
    text = f"""{HEAD}
.visible .entry k(.param .u64 in, .param .u64 wide, .param .u64 back) {{
.reg .b16 %h<3>; .reg .f32 %f<3>; .reg .u32 %r<4>; .reg .b64 %d<8>;
ld.param.u64 %d1, [in]; ld.param.u64 %d2, [wide]; ld.param.u64 %d3, [back];
mov.u32 %r1, %ctaid.x; mov.u32 %r2, %tid.x; mad.lo.u32 %r3, %r1, 1024, %r2;
mul.wide.u32 %d4, %r3, 2; mul.wide.u32 %d5, %r3, 4;
add.s64 %d1, %d1, %d4; add.s64 %d2, %d2, %d5; add.s64 %d3, %d3, %d4;
ld.global.b16 %h1, [%d1];
cvt.f32.KIND %f1, %h1;
st.global.f32 [%d2], %f1;
cvt.rn.KIND.f32 %h2, %f1;
st.global.b16 [%d3], %h2;
ret; }}"""
    bits = np.arange(2**16, dtype=np.uint32).astype(np.uint16)
    for kind in ("f16", "bf16"):
        wide, back = np.zeros(2**16, np.float32), np.zeros(2**16, np.uint16)
        load(text.replace("KIND", kind)).run((64, 1, 1), (1024, 1, 1), [bits, wide, back])
        if kind == "f16":
            expected = bits.view(np.float16).astype(np.float32)
        else:
            expected = (bits.astype(np.uint32) << 16).view(np.float32)
        np.testing.assert_array_equal(wide, expected)
        nan = np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(wide[~nan]), np.signbit(expected[~nan]))
        np.testing.assert_array_equal(back[~nan], bits[~nan])
        assert (back[nan] == 0x7FFF).all()
