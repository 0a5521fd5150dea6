"""Arithmetic of float16 and bfloat16, one or two in a register (PTX ISA 9.7.4, 9.7.5).

They are kept as bits and computed in float64, where sums of halves and products are exact or have bits enough that
rounding twice is rounding once (Figueroa, 1995); for fma what float64 cannot hold is kept as an odd last bit (Boldo and
Melquiond, 2008). A NaN that is computed is the canonical one, 0x7FFF.
"""

from kernels.gpu.emulator.instructions import floats, lanes, rounding
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.instructions.narrow import FORMATS, narrowed, widened

ONE = {"f16": 0x3C00, "bf16": 0x3F80}


def flushed(t, i, value, kind="f16"):
    """With .ftz, a subnormal as zero of its sign."""
    if not i.has("ftz"):
        return value
    size = t.emit(f"and i16 {value}, {0x7FFF}")
    tiny = t.emit(f"icmp ult i16 {size}, {1 << FORMATS[kind].precision - 1}")
    return t.emit(f"select i1 {tiny}, i16 {t.emit(f'and i16 {value}, {0x8000}')}, i16 {value}")


def above_zero(t, i, value):
    """With .relu, a double below zero as zero; NaN stays."""
    if not i.has("relu"):
        return value
    kept = t.emit(f"fcmp ugt double {value}, 0.0")
    return t.emit(f"select i1 {kept}, double {value}, double 0.0")


def rounded(t, i, value, kind, mode="rn"):
    """A double as bits of a half, with what .relu, .sat and .ftz do."""
    value = above_zero(t, i, floats.saturated(t, i, "double", value))
    return flushed(t, i, narrowed(t, value, kind, mode), kind)


def each(t, i, compute):
    """Write what `compute` makes of the bits of each half, of operands with two for both."""
    values = [t.read(x, i.type) for x in i.operands[1:]]
    if not i.type.endswith("x2"):
        t.write(i.operands[0], compute(i.type, *values), i.type)
        return
    pairs = zip(*(lanes.split(t, value, 16, 2) for value in values), strict=True)
    t.write(i.operands[0], lanes.joined(t, [compute(i.type[:-2], *pair) for pair in pairs], 16), i.type)


@form("add sub mul", "{.rn}{.ftz}{.sat}.f16|f16x2 d, a, b", "{.rn}.bf16|bf16x2 d, a, b")
@form("fma", ".rn{.ftz}{.sat}.f16|f16x2 d, a, b, c", ".rn{.ftz}.relu.f16|f16x2 d, a, b, c")
@form("fma", ".rn{.relu}.bf16|bf16x2 d, a, b, c")
def arithmetic(t, i):
    def compute(kind, *bits):
        values = [widened(t, flushed(t, i, value, kind), kind) for value in bits]
        return rounded(t, i, in_double(t, i.opcode, *values), kind)

    each(t, i, compute)


def in_double(t, what, *values):
    """add, sub, mul or fma of doubles that are halves, so that rounding the result to a half rounds only once."""
    if what != "fma":
        return t.emit(f"f{what} double {', '.join(values)}")
    t.define("fma.odd", ODD)
    return t.emit(f"call double @fma.odd({', '.join(f'double {v}' for v in values)})")


# a * b is exact. Of the sum with c the error is exact (Knuth's two-sum): where there is one and the last bit is even,
# the odd neighbour on the side of the error stands for all that lies between two doubles.
ODD = """define internal double @fma.odd(double %a, double %b, double %c) {
  %p = fmul double %a, %b
  %s = fadd double %p, %c
  %of.c = fsub double %s, %p
  %of.p = fsub double %s, %of.c
  %less.p = fsub double %p, %of.p
  %less.c = fsub double %c, %of.c
  %error = fadd double %less.p, %less.c
  %inexact = fcmp one double %error, 0.0
  %bits = bitcast double %s to i64
  %odd = trunc i64 %bits to i1
  %even = xor i1 %odd, true
  %wrong = and i1 %inexact, %even
  %up = fcmp ogt double %error, 0.0
  %positive = fcmp ogt double %s, 0.0
  %inwards = xor i1 %up, %positive
  %by = select i1 %inwards, i64 -1, i64 1
  %next = add i64 %bits, %by
  %chosen = select i1 %wrong, i64 %next, i64 %bits
  %r = bitcast i64 %chosen to double
  ret double %r
}"""


@form("add sub", "{.rnd}{.sat}.f32.f16|bf16 d, a, b:f32")
@form("fma", ".rnd{.sat}.f32.f16|bf16 d, a, b, c:f32")
def mixed(t, i):
    """Of halves and a float32, as float32."""
    values = [widened(t, t.read(x, i.type), i.type) for x in i.operands[1:-1]]
    values = [t.emit(f"fptrunc double {value} to float") for value in values]
    values.append(t.read(i.operands[-1], "f32"))
    value = rounding.rounded(t, floats.operation(i), floats.mode(i), "float", *values)
    t.write(i.operands[0], floats.saturated(t, i, "float", value), "f32")


@form("neg abs", "{.ftz}.f16|f16x2 d, a", ".bf16|bf16x2 d, a")
def sign(t, i):
    def compute(kind, a):
        a = flushed(t, i, a, kind)
        return t.emit(f"xor i16 {a}, {0x8000}" if i.opcode == "neg" else f"and i16 {a}, {0x7FFF}")

    each(t, i, compute)


@form("min max", "{.ftz}{.NaN}.f16|f16x2 d, a, b", "{.ftz}{.NaN}.xorsign.abs.f16|f16x2 d, a, b")
@form("min max", "{.NaN}.bf16|bf16x2 d, a, b", "{.NaN}.xorsign.abs.bf16|bf16x2 d, a, b")
def extreme(t, i):
    def compute(kind, *bits):
        values = [widened(t, flushed(t, i, value, kind), kind) for value in bits]
        return narrowed(t, floats.extreme_of(t, i, "double", values), kind)

    each(t, i, compute)


@form("ex2", ".approx.f16|f16x2 d, a", ".approx.ftz.bf16|bf16x2 d, a")
@form("tanh", ".approx.half d, a")
def library(t, i):
    """By the C library in float32, then rounded: within the 2**-9.9 and 2**-7 that the manual allows."""
    name = "llvm.exp2.f32" if i.opcode == "ex2" else "tanhf"

    def compute(kind, a):
        wide = widened(t, flushed(t, i, a, kind), kind)
        found = t.call(name, "float", ("float", t.emit(f"fptrunc double {wide} to float")))
        return rounded(t, i, t.emit(f"fpext float {found} to double"), kind)

    each(t, i, compute)
