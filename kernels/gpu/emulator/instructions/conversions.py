"""Conversions between types (PTX ISA 9.7.9): cvt.

NaN becomes the canonical NaN of a float, of float64 a quiet one; the whole number 0, or where the source is float64 or
the target has 64 bits, the one that has only the highest bit set.
"""

import re

from kernels.gpu.emulator.instructions import floats, halves, lanes
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.instructions.narrow import FORMATS, narrowed, widened
from kernels.gpu.emulator.instructions.rounding import MODES
from kernels.gpu.emulator.types import BITS, is_float, is_signed, llvm

TO_INTEGER = {"rni": "roundeven", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
WHOLE = "rni|rzi|rmi|rpi"
INTEGERS = "u8|s8|u16|s16|u32|s32|u64|s64"


def clamping():
    """.sat between integers stands only where a value may lie beyond the type."""
    for to in INTEGERS.split("|"):
        beyond = [of for of in INTEGERS.split("|") if not within(of, to)]
        yield f".sat.{to}.{'|'.join(beyond)} d+, a+"


def within(of, to):
    """Whether every integer of one type is one of the other."""
    if is_signed(of):
        return is_signed(to) and BITS[of] <= BITS[to]
    return BITS[of] <= BITS[to] - is_signed(to)


@form("cvt", f".{INTEGERS}.{INTEGERS} d+, a+", *clamping())
@form("cvt", f".rnd{{.sat}}.f16|f64.{INTEGERS} d+, a+", f".rnd{{.ftz}}{{.sat}}.f32.{INTEGERS} d+, a+")
@form("cvt", f".{WHOLE}{{.sat}}.{INTEGERS}.f16|f64 d+, a+", f".{WHOLE}{{.ftz}}{{.sat}}.{INTEGERS}.f32 d+, a+")
@form("cvt", "{.sat}.f64.f16 d+, a+", "{.ftz}{.sat}.f32.f16 d+, a+", "{.ftz}{.sat}.f64.f32 d+, a+")
@form("cvt", ".rnd{.sat}.f16.f64 d+, a+", ".rnd{.ftz}{.sat}.f16.f32 d+, a+", ".rnd{.ftz}{.sat}.f32.f64 d+, a+")
@form("cvt", f"{{.{WHOLE}}}{{.sat}}.f16.f16 d+, a+", f"{{.{WHOLE}}}{{.sat}}.f64.f64 d+, a+")
@form("cvt", f"{{.{WHOLE}}}{{.ftz}}{{.sat}}.f32.f32 d+, a+", ".rn|rz{.relu}{.satfinite}.f16.f32 d+, a+")
@form("cvt", ".rnd.bf16.int|f64 d, a", f".{WHOLE}.int.bf16 d, a", f"{{.{WHOLE}}}.bf16.bf16 d, a")
@form("cvt", "{.rnd}.f16|f64.bf16 d, a", "{.rnd}{.ftz}.f32.bf16 d, a", "{.rnd}.bf16.f16 d, a")
@form("cvt", ".rnd{.ftz}.bf16.f32 d, a", ".rn|rz{.relu}{.satfinite}.bf16.f32 d, a")
@form("cvt", ".rn|rz{.relu}{.satfinite}.tf32.f32 d, a", ".rna{.satfinite}.tf32.f32 d, a")
def convert(t, i):
    to, of = i.types
    a = t.read(i.operands[1], of)
    if to in FORMATS or of in FORMATS:
        value = through_double(t, i, a, of, to)
    elif is_float(of):
        if of == "f32":
            a = floats.flushed(t, i, "float", a)
        value = float_to_float(t, i, a, of, to) if is_float(to) else float_to_integer(t, i, a, of, to)
    else:
        value = integer_to_float(t, i, a, of, to) if is_float(to) else integer_to_integer(t, i, a, of, to)
    t.write(i.operands[0], value, "b32" if to == "tf32" else to)


def through_double(t, i, a, of, to):
    """A conversion with a float of fewer bits on one side: float64 holds the source, so it is rounded once."""
    if of in FORMATS:
        a = widened(t, a, of)
    elif of == "f32":
        a = t.emit(f"fpext float {floats.flushed(t, i, 'float', a)} to double")
    elif of != "f64":
        a = exact_enough(t, a, of)
    if not (is_float(to) or to in FORMATS):
        return float_to_integer(t, i, a, of, to, "double")
    a = whole(t, i, a, "f64")
    if to in FORMATS:
        return narrow(t, i, a, to, "rna" if i.has("rna") else floats.mode(i))
    if to == "f32":
        a = floats.flushed(t, i, "float", t.emit(f"fptrunc double {a} to float"))
    a = floats.saturated(t, i, llvm(to), a)
    return floats.canonical(t, "float", a) if to == "f32" else a


def narrow(t, i, a, kind, mode):
    """A double as bits of a small float."""
    value = halves.above_zero(t, i, floats.saturated(t, i, "double", a))
    return narrowed(t, value, kind, mode, i.has("satfinite"))


def exact_enough(t, a, of):
    """An integer as a double; of one that is too long the bits that a half cannot feel are one, set if any of them is.

    What is left has 53 bits, so that it is exact, and rounds to a half as the integer does.
    """
    name = "sitofp" if is_signed(of) else "uitofp"
    if BITS[of] <= 32:
        return t.emit(f"{name} {llvm(of)} {a} to double")
    size = a
    if is_signed(of):
        negative = t.emit(f"icmp slt i64 {a}, 0")
        size = t.emit(f"select i1 {negative}, i64 {t.emit(f'sub i64 0, {a}')}, i64 {a}")
    long = t.emit(f"icmp ugt i64 {size}, {1 << 53}")
    some = t.emit(f"icmp ne i64 {t.emit(f'and i64 {size}, 4095')}, 0")
    sticky = t.emit(f"select i1 {some}, i64 4096, i64 0")
    cut = t.emit(f"or i64 {t.emit(f'and i64 {size}, -4096')}, {sticky}")
    size = t.emit(f"select i1 {long}, i64 {cut}, i64 {size}")
    value = t.emit(f"uitofp i64 {size} to double")
    return (
        t.emit(f"select i1 {negative}, double {t.emit(f'fneg double {value}')}, double {value}")
        if is_signed(of)
        else value
    )


@form("cvt", ".rn|rz{.relu}{.satfinite}.f16x2|bf16x2.f32 d, a, b", ".rn.satfinite{.relu}.e4m3x2|e5m2x2.f32 d, a, b")
def convert_two(t, i):
    """Two floats to one register, the first to the upper half."""
    kind = i.types[0].removesuffix("x2")
    values = [t.emit(f"fpext float {t.read(x, 'f32')} to double") for x in reversed(i.operands[1:])]
    found = [narrow(t, i, value, kind, floats.mode(i)) for value in values]
    t.write(i.operands[0], lanes.joined(t, found, FORMATS[kind].bits), i.types[0])


@form("cvt", ".rn.satfinite{.relu}.e4m3x2|e5m2x2.f16x2 d, a", ".rn{.relu}.f16x2.e4m3x2|e5m2x2 d, a")
def convert_both(t, i):
    """Two floats of 8 bits and two halves, in their order."""
    to, of = (kind.removesuffix("x2") for kind in i.types)
    parts = lanes.split(t, t.read(i.operands[1], i.type), FORMATS[of].bits, 2)
    found = [narrow(t, i, widened(t, part, of), to, "rn") for part in parts]
    t.write(i.operands[0], lanes.joined(t, found, FORMATS[to].bits), i.types[0])


def whole(t, i, a, kind):
    """Rounded to a whole number, if the instruction says how."""
    how = next((TO_INTEGER[m] for m in i.modifiers if m in TO_INTEGER), None)
    return t.call(f"llvm.{how}.f{BITS[kind]}", llvm(kind), (llvm(kind), a)) if how else a


def integer_to_integer(t, i, a, of, to):
    have, want, bits, wanted = llvm(of), llvm(to), BITS[of], BITS[to]
    if i.has("sat"):
        # Clamped in a width that holds both.
        room = f"i{2 * max(bits, wanted)}"
        a = t.emit(f"{'sext' if is_signed(of) else 'zext'} {have} {a} to {room}")
        low = -(1 << wanted - 1) if is_signed(to) else 0
        high = (1 << wanted - is_signed(to)) - 1
        a = t.call(f"llvm.smax.{room}", room, (room, a), (room, str(low)))
        a = t.call(f"llvm.smin.{room}", room, (room, a), (room, str(high)))
        return t.emit(f"trunc {room} {a} to {want}")
    if wanted < bits:
        return t.emit(f"trunc {have} {a} to {want}")
    if wanted > bits:
        return t.emit(f"{'sext' if is_signed(of) else 'zext'} {have} {a} to {want}")
    return a


def integer_to_float(t, i, a, of, to):
    name = "sitofp" if is_signed(of) else "uitofp"
    mode, kind, have = floats.mode(i), llvm(to), llvm(of)
    nearest = mode == "rn"
    value = t.emit(f"{name} {have} {a} to {kind}") if nearest else directed(t, name, have, kind, a, mode)
    return floats.saturated(t, i, kind, value)


def float_to_integer(t, i, a, of, to, kind=None):
    """Rounded to a whole number, then clamped to the type. kind: the LLVM type that it is computed in."""
    kind, want = kind or llvm(of), llvm(to)
    a = whole(t, i, a, {"float": "f32", "double": "f64"}[kind])
    name = "fptosi" if is_signed(to) else "fptoui"
    value = t.call(f"llvm.{name}.sat.{want}.{'f64' if kind == 'double' else 'f32'}", want, (kind, a))
    if of != "f64" and BITS[to] < 64:
        return value
    none = t.emit(f"fcmp uno {kind} {a}, 0.0")
    return t.emit(f"select i1 {none}, {want} {1 << BITS[to] - 1}, {want} {value}")


def float_to_float(t, i, a, of, to):
    kind, want = llvm(of), llvm(to)
    a = whole(t, i, a, of)
    if BITS[to] > BITS[of]:
        a = t.emit(f"fpext float {a} to double")
    elif BITS[to] < BITS[of]:
        mode = floats.mode(i)
        a = t.emit(f"fptrunc double {a} to float") if mode == "rn" else directed(t, "fptrunc", kind, want, a, mode)
    if to == "f32":
        a = floats.canonical(t, "float", floats.flushed(t, i, "float", a))
    return floats.saturated(t, i, want, a)


def directed(t, what, have, want, value, mode):
    """A conversion rounded in a direction that is not the nearest."""
    direction, number = MODES[mode]
    suffix = {"float": "f32", "double": "f64"}
    intrinsic = f"llvm.experimental.constrained.{what}.{suffix[want]}.{suffix.get(have, have)}"
    name = f"{what}.{mode}.{want}.{have}"
    t.define(intrinsic, f"declare {want} @{intrinsic}({have}, metadata, metadata)")
    t.define("llvm.set.rounding", "declare void @llvm.set.rounding(i32)")
    t.define(
        name,
        f"""define internal {want} @{name}({have} %a) noinline strictfp {{
  call void @llvm.set.rounding(i32 {number}) strictfp
  %r = call {want} @{intrinsic}({have} %a, metadata !"{direction}", metadata !"fpexcept.ignore") strictfp
  call void @llvm.set.rounding(i32 1) strictfp
  ret {want} %r
}}""",
    )
    return t.emit(f"call {want} @{name}({have} {value})")


@form("cvt", ".pack.sat.u16|s16.s32 d:s32+, a+, b+", ".pack.sat.u8|s8.s32.b32 d:s32+, a:s32+, b:s32+, c:s32+")
@form("cvt", ".pack.sat.u4|s4|u2|s2.s32.b32 d:s32+, a:s32+, b:s32+, c:s32+")
def pack(t, i):
    """a and b clamped, a put above b; above them the bits of c."""
    to = next(m for m in i.modifiers if re.fullmatch(r"[us]\d+", m))
    bits = int(to[1:])
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed(to) else (0, (1 << bits) - 1)
    words = []
    for x in i.operands[1:3]:
        value = t.call("llvm.smax.i32", "i32", ("i32", t.read(x, "s32")), ("i32", str(low)))
        value = t.call("llvm.smin.i32", "i32", ("i32", value), ("i32", str(high)))
        words.append(t.emit(f"and i32 {value}, {(1 << bits) - 1}"))
    value = t.emit(f"or i32 {t.emit(f'shl i32 {words[0]}, {bits}')}, {words[1]}")
    if len(i.operands) > 3:
        above = t.emit(f"shl i32 {t.read(i.operands[3], 'b32')}, {2 * bits}")
        value = t.emit(f"or i32 {value}, {above}")
    t.write(i.operands[0], value, "b32")
