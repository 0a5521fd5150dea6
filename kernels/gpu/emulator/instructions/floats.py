"""Arithmetic of float32 and float64 (PTX ISA 9.7.3, 9.7.5), rounded once, as IEEE 754 says; halves are in halves.py.

What PTX calls approximate is nearer here than the manual asks for, and no more than that is promised:

    div.approx div.full rcp.approx sqrt.approx    correctly rounded, where the manual allows 1 or 2 ulp
    rsqrt.approx      through float64 and rounded; of a float64 by a root and a division, each rounded
    ex2 lg2 sin cos tanh .approx                  by the C library in float32, within an ulp or two
    rcp rsqrt .approx.ftz.f64                     of the upper word alone; the lower one of the result is zero

Where the manual gives values for extremes, as div.approx by more than 2**126, they are those.
"""

from kernels.gpu.emulator.instructions import lanes, rounding
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.types import BITS, llvm

ROUNDING = ("rn", "rz", "rm", "rp")
NAN = {"float": "0x7FFFFFFFE0000000", "double": "0x7FFFFFFFFFFFFFFF"}
UPPER = 0xFFFFFFFF << 32


def flushed(t, i, kind, value):
    """With .ftz, a subnormal float32 as zero of its sign."""
    return zero_if_subnormal(t, kind, value) if i.has("ftz") else value


def zero_if_subnormal(t, kind, value):
    """A subnormal float32 as zero of its sign."""
    size = t.call(f"llvm.fabs.f{rounding.BITS[kind]}", kind, (kind, value))
    tiny = t.emit(f"fcmp olt {kind} {size}, 0x3810000000000000")  # 2**-126
    zero = t.call(f"llvm.copysign.f{rounding.BITS[kind]}", kind, (kind, "0.0"), (kind, value))
    return t.emit(f"select i1 {tiny}, {kind} {zero}, {kind} {value}")


def saturated(t, i, kind, value):
    """With .sat, limited to [0, 1]; NaN becomes 0."""
    if not i.has("sat"):
        return value
    above = t.emit(f"fcmp ogt {kind} {value}, 0.0")
    value = t.emit(f"select i1 {above}, {kind} {value}, {kind} 0.0")
    over = t.emit(f"fcmp ogt {kind} {value}, 1.0")
    return t.emit(f"select i1 {over}, {kind} 1.0, {kind} {value}")


def operands(t, i, count):
    return [flushed(t, i, llvm(i.type), t.read(x, i.type)) for x in i.operands[1 : 1 + count]]


def finish(t, i, value):
    kind = llvm(i.type)
    t.write(i.operands[0], saturated(t, i, kind, flushed(t, i, kind, value)), i.type)


def mode(i):
    """How it is rounded: rn unless the instruction says otherwise."""
    return next((m for m in ROUNDING if i.has(m)), "rn")


def canonical(t, kind, value):
    """The value, or if it is a NaN the one that PTX calls canonical."""
    none = t.emit(f"fcmp uno {kind} {value}, 0.0")
    return t.emit(f"select i1 {none}, {kind} {NAN[kind]}, {kind} {value}")


@form("add sub mul", "{.rnd}{.ftz}{.sat}.f32 d, a, b", "{.rnd}.f64 d, a, b")
@form("fma mad", ".rnd{.ftz}{.sat}.f32 d, a, b, c", ".rnd.f64 d, a, b, c")
@form("div", ".rnd|full{.ftz}.f32 d, a, b", ".rnd.f64 d, a, b")
def arithmetic(t, i):
    values = operands(t, i, len(i.operands) - 1)
    finish(t, i, rounding.rounded(t, operation(i), mode(i), llvm(i.type), *values))


def operation(i):
    """What LLVM calls it."""
    return "fma" if i.opcode in ("fma", "mad") else f"f{i.opcode}"


@form("add sub mul", "{.rnd}{.ftz}.f32x2 d, a, b")
@form("fma", ".rnd{.ftz}.f32x2 d, a, b, c")
def arithmetic_of_two(t, i):
    """On two float32 in a register of 64 bits."""
    pairs = [lanes.split(t, t.read(x, i.type), 32, 2) for x in i.operands[1:]]
    found = []
    for words in zip(*pairs, strict=True):
        values = [flushed(t, i, "float", t.emit(f"bitcast i32 {word} to float")) for word in words]
        value = flushed(t, i, "float", rounding.rounded(t, operation(i), mode(i), "float", *values))
        found.append(t.emit(f"bitcast float {value} to i32"))
    t.write(i.operands[0], lanes.joined(t, found, 32), i.type)


@form("div", ".approx{.ftz}.f32 d, a, b")
def divide_roughly(t, i):
    """a * (1 / b): where |b| is above 2**126, 1 / b counts as zero."""
    a, b = operands(t, i, 2)
    size = t.call("llvm.fabs.f32", "float", ("float", b))
    large = t.emit(f"fcmp ogt float {size}, 0x47D0000000000000")
    zero = t.call("llvm.copysign.f32", "float", ("float", "0.0"), ("float", b))
    by_large = t.emit(f"fmul float {a}, {zero}")
    value = t.emit(f"fdiv float {a}, {b}")
    finish(t, i, t.emit(f"select i1 {large}, float {by_large}, float {value}"))


@form("rcp", ".approx|rnd{.ftz}.f32 d, a", ".rnd.f64 d, a")
def reciprocal(t, i):
    finish(t, i, rounding.rounded(t, "fdiv", mode(i), llvm(i.type), "1.0", *operands(t, i, 1)))


@form("sqrt", ".approx|rnd{.ftz}.f32 d, a", ".rnd.f64 d, a")
def root(t, i):
    finish(t, i, rounding.rounded(t, "sqrt", mode(i), llvm(i.type), *operands(t, i, 1)))


@form("rsqrt", ".approx{.ftz}.f32 d, a", ".approx.f64 d, a")
def reciprocal_root(t, i):
    (a,) = operands(t, i, 1)
    wide = t.emit(f"fpext float {a} to double") if i.type == "f32" else a
    value = t.emit(f"fdiv double 1.0, {t.call('llvm.sqrt.f64', 'double', ('double', wide))}")
    finish(t, i, t.emit(f"fptrunc double {value} to float") if i.type == "f32" else value)


@form("rcp rsqrt", ".approx.ftz.f64 d, a")
def of_upper_word(t, i):
    """What is subnormal, of the operand or of the result, counts as zero."""

    def upper(value):
        bits = t.emit(f"and i64 {t.emit(f'bitcast double {value} to i64')}, {UPPER}")
        normal = t.emit(f"icmp ne i64 {t.emit(f'and i64 {bits}, {0x7FF << 52}')}, 0")
        sign = t.emit(f"and i64 {bits}, {1 << 63}")
        return t.emit(f"bitcast i64 {t.emit(f'select i1 {normal}, i64 {bits}, i64 {sign}')} to double")

    none = t.emit(f"fcmp uno double {t.read(i.operands[1], 'f64')}, 0.0")
    a = upper(t.read(i.operands[1], "f64"))
    if i.opcode == "rsqrt":
        a = t.call("llvm.sqrt.f64", "double", ("double", a))
    value = t.emit(f"fdiv double 1.0, {a}")
    wrong = t.emit(f"or i1 {none}, {t.emit(f'fcmp uno double {value}, 0.0')}")
    t.write(i.operands[0], t.emit(f"select i1 {wrong}, double {NAN['double']}, double {upper(value)}"), "f64")


@form("ex2 lg2 sin cos", ".approx{.ftz}.f32 d, a")
def library(t, i):
    name = {"ex2": "exp2", "lg2": "log2"}.get(i.opcode, i.opcode)
    (a,) = operands(t, i, 1)
    finish(t, i, t.call(f"llvm.{name}.f32", "float", ("float", a)))


@form("tanh", ".approx.f32 d, a")
def tanh(t, i):
    t.write(i.operands[0], t.call("tanhf", "float", ("float", t.read(i.operands[1], "f32"))), "f32")


@form("abs neg", "{.ftz}.f32 d, a", ".f64 d, a")
def sign(t, i):
    kind = llvm(i.type)
    (a,) = operands(t, i, 1)
    if i.opcode == "neg":
        value = t.emit(f"fneg {kind} {a}")
    else:
        value = t.call(f"llvm.fabs.f{rounding.BITS[kind]}", kind, (kind, a))
    t.write(i.operands[0], value, i.type)


@form("min max", "{.ftz}{.NaN}.f32 d, a, b", "{.ftz}{.NaN}.xorsign.abs.f32 d, a, b", ".f64 d, a, b")
@form("min max", "{.ftz}{.NaN}{.abs}.f32 d, a, b, c")
def extreme(t, i):
    finish(t, i, extreme_of(t, i, llvm(i.type), operands(t, i, len(i.operands) - 1)))


def extreme_of(t, i, kind, values, how=None):
    """The min or max, as the opcode or `how` says.

    Of a number and a NaN the number, unless .NaN is given; -0 is less than +0. .abs compares magnitudes; with .xorsign
    the sign is that of the product.
    """
    bits = rounding.BITS[kind]
    words = [t.emit(f"bitcast {kind} {v} to i{bits}") for v in values]
    if i.has("abs"):
        values = [t.call(f"llvm.fabs.f{bits}", kind, (kind, v)) for v in values]
    value = values[0]
    for other in values[1:]:
        value = extreme_of_two(t, i, kind, how or i.opcode, value, other)
    if i.has("xorsign"):
        signs = t.emit(f"xor i{bits} {words[0]}, {words[1]}")
        signs = t.emit(f"bitcast i{bits} {signs} to {kind}")
        signed = t.call(f"llvm.copysign.f{bits}", kind, (kind, value), (kind, signs))
        value = canonical(t, kind, signed)
    return value


def extreme_of_two(t, i, kind, how, a, b):
    bits = rounding.BITS[kind]
    before = t.emit(f"fcmp {'olt' if how == 'min' else 'ogt'} {kind} {a}, {b}")
    chosen = t.emit(f"select i1 {before}, {kind} {a}, {kind} {b}")
    # Zeros of both signs are equal: of min the one with a sign bit, if any has it, of max the one without.
    equal = t.emit(f"fcmp oeq {kind} {a}, {b}")
    x, y = (t.emit(f"bitcast {kind} {v} to i{bits}") for v in (a, b))
    both = t.emit(f"{'or' if how == 'min' else 'and'} i{bits} {x}, {y}")
    both = t.emit(f"bitcast i{bits} {both} to {kind}")
    chosen = t.emit(f"select i1 {equal}, {kind} {both}, {kind} {chosen}")
    if i.has("NaN"):
        none = t.emit(f"fcmp uno {kind} {a}, {b}")
        return t.emit(f"select i1 {none}, {kind} {NAN[kind]}, {kind} {chosen}")
    no_b = t.emit(f"fcmp uno {kind} {b}, 0.0")
    chosen = t.emit(f"select i1 {no_b}, {kind} {a}, {kind} {chosen}")
    return canonical(t, kind, chosen)


@form("copysign", ".f32|f64 d, a, b")
def copysign(t, i):
    """The magnitude of the second operand with the sign of the first."""
    kind = llvm(i.type)
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    t.write(i.operands[0], t.call(f"llvm.copysign.f{rounding.BITS[kind]}", kind, (kind, b), (kind, a)), i.type)


CLASSES = {  # as llvm.is.fpclass takes them
    "finite": 0x1F8,
    "infinite": 0x204,
    "number": 0x3FC,
    "notanumber": 0x3,
    "normal": 0x108,
    "subnormal": 0x90,
}


@form("testp", f".{'|'.join(CLASSES)}.f32|f64 d:pred, a")
def test(t, i):
    kind = llvm(i.type)
    (wanted,) = (CLASSES[m] for m in i.modifiers if m in CLASSES)
    a = t.read(i.operands[1], i.type)
    found = t.call(f"llvm.is.fpclass.f{BITS[i.type]}", "i1", (kind, a), ("i32 immarg", str(wanted)))
    t.write(i.operands[0], found, "pred")
