"""Arithmetic of float32 and float64 (PTX ISA 9.7.3), rounded once, as IEEE 754 says; halves are in halves.py.

What PTX calls approximate is computed here by the C library in float32, or in float64 and rounded, which is nearer than
the manual asks for: within 1 ulp where it allows 1 to 3, or an absolute error of 2**-20.5 for sin and cos.
"""

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions import halves, rounding
from kernels.gpu.emulator.instructions.table import opcode
from kernels.gpu.emulator.types import is_float, llvm

ROUNDING = ("rn", "rz", "rm", "rp")
NAN = {"float": "0x7FFFFFFFE0000000", "double": "0x7FFFFFFFFFFFFFFF"}


def floating(i):
    """The type, if it is float32 or float64. Raises PtxError."""
    if not is_float(i.type):
        raise PtxError(f".{i.type} is not executed")
    return llvm(i.type)


def flushed(t, i, kind, value):
    """With .ftz, a subnormal float32 as zero of its sign."""
    if not i.has("ftz"):
        return value
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


def operands(t, i, kind, count):
    return [flushed(t, i, kind, t.read(x, i.type)) for x in i.operands[1 : 1 + count]]


def finish(t, i, kind, value):
    t.write(i.operands[0], saturated(t, i, kind, flushed(t, i, kind, value)), i.type)


def mode(i):
    """How it is rounded: rn unless the instruction says otherwise."""
    return next((m for m in ROUNDING if i.has(m)), "rn")


def arithmetic(t, i):
    """add, sub, mul, div."""
    if not is_float(i.type):
        return halves.arithmetic(t, i)
    kind = floating(i)
    t.only(i, *ROUNDING, "ftz", "sat", "approx", "full")
    a, b = operands(t, i, kind, 2)
    finish(t, i, kind, rounding.rounded(t, f"f{i.opcode}", mode(i), kind, a, b))


@opcode("fma")
def fma(t, i):
    if not is_float(i.type):
        return halves.fma(t, i)
    kind = floating(i)
    t.only(i, *ROUNDING, "ftz", "sat")
    finish(t, i, kind, rounding.rounded(t, "fma", mode(i), kind, *operands(t, i, kind, 3)))


@opcode("rcp")
def reciprocal(t, i):
    kind = floating(i)
    t.only(i, *ROUNDING, "ftz", "approx")
    (a,) = operands(t, i, kind, 1)
    finish(t, i, kind, rounding.rounded(t, "fdiv", mode(i), kind, "1.0", a))


@opcode("sqrt")
def root(t, i):
    kind = floating(i)
    t.only(i, *ROUNDING, "ftz", "approx")
    finish(t, i, kind, rounding.rounded(t, "sqrt", mode(i), kind, *operands(t, i, kind, 1)))


@opcode("rsqrt")
def reciprocal_root(t, i):
    """Of a float32 through float64, so that it is rounded well; of a float64 by a division of a root."""
    kind = floating(i)
    t.only(i, "ftz", "approx")
    (a,) = operands(t, i, kind, 1)
    wide = t.emit(f"fpext float {a} to double") if kind == "float" else a
    value = t.emit(f"fdiv double 1.0, {t.call('llvm.sqrt.f64', 'double', ('double', wide))}")
    finish(t, i, kind, t.emit(f"fptrunc double {value} to float") if kind == "float" else value)


@opcode("ex2", "lg2", "sin", "cos")
def library(t, i):
    if not is_float(i.type):
        return halves.library(t, i)
    t.only(i, "ftz", "approx")
    if i.type != "f32":
        raise PtxError(f".{i.type} is not executed")
    name = {"ex2": "exp2", "lg2": "log2"}.get(i.opcode, i.opcode)
    (a,) = operands(t, i, "float", 1)
    finish(t, i, "float", t.call(f"llvm.{name}.f32", "float", ("float", a)))


@opcode("tanh")
def tanh(t, i):
    if not is_float(i.type):
        return halves.library(t, i)
    t.only(i, "approx")
    t.write(i.operands[0], t.call("tanhf", "float", ("float", t.read(i.operands[1], "f32"))), "f32")


def sign(t, i):
    """abs, neg."""
    if not is_float(i.type):
        return halves.sign(t, i)
    kind = floating(i)
    t.only(i, "ftz")
    (a,) = operands(t, i, kind, 1)
    if i.opcode == "neg":
        value = t.emit(f"fneg {kind} {a}")
    else:
        value = t.call(f"llvm.fabs.f{rounding.BITS[kind]}", kind, (kind, a))
    t.write(i.operands[0], value, i.type)


def extreme(t, i):
    """min, max: of a number and a NaN the number, unless .NaN is given; -0 is less than +0."""
    if not is_float(i.type):
        return halves.extreme(t, i)
    kind = floating(i)
    t.only(i, "ftz", "NaN", "xorsign", "abs")
    values = operands(t, i, kind, len(i.operands) - 1)
    bits = rounding.BITS[kind]
    signs = None
    if i.has("xorsign"):  # .xorsign.abs: magnitudes are compared, the sign is the product's
        words = [t.emit(f"bitcast {kind} {v} to i{bits}") for v in values]
        signs = t.emit(f"xor i{bits} {words[0]}, {words[1]}")
        signs = t.emit(f"bitcast i{bits} {signs} to {kind}")
        values = [t.call(f"llvm.fabs.f{bits}", kind, (kind, v)) for v in values]
    value = values[0]
    for other in values[1:]:
        value = extreme_of_two(t, i, kind, bits, value, other)
    if signs:
        value = t.call(f"llvm.copysign.f{bits}", kind, (kind, value), (kind, signs))
    finish(t, i, kind, value)


def extreme_of_two(t, i, kind, bits, a, b):
    before = t.emit(f"fcmp {'olt' if i.opcode == 'min' else 'ogt'} {kind} {a}, {b}")
    chosen = t.emit(f"select i1 {before}, {kind} {a}, {kind} {b}")
    # Zeros of both signs are equal: of min the one with a sign bit, if any has it, of max the one without.
    equal = t.emit(f"fcmp oeq {kind} {a}, {b}")
    x, y = (t.emit(f"bitcast {kind} {v} to i{bits}") for v in (a, b))
    both = t.emit(f"{'or' if i.opcode == 'min' else 'and'} i{bits} {x}, {y}")
    both = t.emit(f"bitcast i{bits} {both} to {kind}")
    chosen = t.emit(f"select i1 {equal}, {kind} {both}, {kind} {chosen}")
    if i.has("NaN"):
        none = t.emit(f"fcmp uno {kind} {a}, {b}")
        return t.emit(f"select i1 {none}, {kind} {NAN[kind]}, {kind} {chosen}")
    no_b = t.emit(f"fcmp uno {kind} {b}, 0.0")
    chosen = t.emit(f"select i1 {no_b}, {kind} {a}, {kind} {chosen}")
    neither = t.emit(f"fcmp uno {kind} {chosen}, 0.0")
    return t.emit(f"select i1 {neither}, {kind} {NAN[kind]}, {kind} {chosen}")


@opcode("copysign")
def copysign(t, i):
    """The magnitude of the second operand with the sign of the first."""
    kind = floating(i)
    t.only(i)
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    t.write(i.operands[0], t.call(f"llvm.copysign.f{rounding.BITS[kind]}", kind, (kind, b), (kind, a)), i.type)


@opcode("testp")
def test(t, i):
    kind = floating(i)
    classes = {
        "finite": 0x1F8,
        "infinite": 0x204,
        "number": 0x3FC,
        "notanumber": 0x3,
        "normal": 0x108,
        "subnormal": 0x90,
    }
    t.only(i, *classes)
    (wanted,) = (classes[m] for m in i.modifiers if m in classes)
    a = t.read(i.operands[1], i.type)
    found = t.call(f"llvm.is.fpclass.f{rounding.BITS[kind]}", "i1", (kind, a), ("i32 immarg", str(wanted)))
    t.write(i.operands[0], found, "pred")
