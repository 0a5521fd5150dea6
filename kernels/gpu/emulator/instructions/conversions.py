"""Conversions between types and state spaces (PTX ISA 9.7.9): cvt, cvta, isspacep, mov."""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions import floats, halves
from kernels.gpu.emulator.instructions.rounding import MODES
from kernels.gpu.emulator.instructions.table import opcode
from kernels.gpu.emulator.syntax import Register, Vector
from kernels.gpu.emulator.types import BITS, is_float, is_signed, llvm

TO_INTEGER = {"rni": "roundeven", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}
HALVES = ("f16", "bf16", "f16x2", "bf16x2", "tf32")


@opcode("cvt")
def convert(t, i):
    if i.has("pack"):
        return pack(t, i)
    to, of = i.types[:2]
    if to in HALVES or of in HALVES:
        return halves.convert(t, i)
    t.only(i, *floats.ROUNDING, *TO_INTEGER, "ftz", "sat")
    a = t.read(i.operands[1], of)
    if is_float(of):
        if of == "f32":
            a = floats.flushed(t, i, "float", a)
        value = float_to_float(t, i, a, of, to) if is_float(to) else float_to_integer(t, i, a, of, to)
    else:
        value = integer_to_float(t, i, a, of, to) if is_float(to) else integer_to_integer(t, i, a, of, to)
    t.write(i.operands[0], value, to)


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


def float_to_integer(t, i, a, of, to):
    """Rounded to a whole number, then clamped to the type; NaN gives 0."""
    kind, want = llvm(of), llvm(to)
    how = next((TO_INTEGER[m] for m in i.modifiers if m in TO_INTEGER), None)
    if how is None:
        raise PtxError("a rounding to integers, such as .rzi, is needed")
    if how != "trunc":
        a = t.call(f"llvm.{how}.f{BITS[of]}", kind, (kind, a))
    name = "fptosi" if is_signed(to) else "fptoui"
    return t.call(f"llvm.{name}.sat.{want}.f{BITS[of]}", want, (kind, a))


def float_to_float(t, i, a, of, to):
    kind, want = llvm(of), llvm(to)
    how = next((TO_INTEGER[m] for m in i.modifiers if m in TO_INTEGER), None)
    if how:
        a = t.call(f"llvm.{how}.f{BITS[of]}", kind, (kind, a))
    if BITS[to] > BITS[of]:
        a = t.emit(f"fpext float {a} to double")
    elif BITS[to] < BITS[of]:
        mode = floats.mode(i)
        a = t.emit(f"fptrunc double {a} to float") if mode == "rn" else directed(t, "fptrunc", kind, want, a, mode)
    if to == "f32":
        a = floats.flushed(t, i, "float", a)
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


def pack(t, i):
    """cvt.pack.sat.TO.s32.b32 d, a, b, c: a and b clamped, put below the bits of c."""
    to = i.types[0]
    t.only(i, "pack", "sat")
    bits = BITS[to]
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


@opcode("cvta")
def convert_address(t, i):
    """Between an address in its space and a generic one, which here is an address of this process."""
    space = next(
        (m for m in i.modifiers if m.partition("::")[0] in ("global", "shared", "local", "const", "param")), ""
    )
    t.only(i, "to", space)
    base = {"shared": "%shared", "local": "%local", "param": "%params"}.get(space.partition("::")[0])
    value = t.read(i.operands[1], i.type)
    if not i.has("to") and hasattr(i.operands[1], "offset"):  # of a variable by its name
        value, _ = t.address_in_space(i.operands[1])
    if base:
        start = t.emit(f"ptrtoint ptr {base} to i64")
        if i.type in ("u32", "b32"):
            value = t.emit(f"zext i32 {value} to i64")
        value = t.emit(f"{'sub' if i.has('to') else 'add'} i64 {value}, {start}")
        if i.type in ("u32", "b32"):
            value = t.emit(f"trunc i64 {value} to i32")
    t.write(i.operands[0], value, i.type)


@opcode("isspacep")
def is_in_space(t, i):
    """Whether a generic address is one of the shared or local memory; else it is global."""
    (space,) = (
        m.partition("::")[0]
        for m in i.modifiers
        if m.partition("::")[0] in ("global", "shared", "local", "const", "param")
    )
    address = t.read(i.operands[1], "u64")

    def inside(base, size):
        start = t.emit(f"ptrtoint ptr {base} to i64")
        return t.emit(f"icmp ult i64 {t.emit(f'sub i64 {address}, {start}')}, {size}")

    at = t.emit(f"getelementptr i8, ptr %block, i64 {layout.TOTAL}")
    total = t.emit(f"zext i32 {t.emit(f'load i32, ptr {at}')} to i64")
    in_shared, in_local = inside("%shared", total), inside("%local", str(max(t.places.local_bytes, 1)))
    if space == "shared":
        found = in_shared
    elif space == "local":
        found = in_local
    elif space == "global":
        found = t.emit(f"xor i1 {t.emit(f'or i1 {in_shared}, {in_local}')}, true")
    else:
        found = "false"
    t.write(i.operands[0], found, "pred")


@opcode("mov")
def move(t, i):
    t.only(i)
    target, source, kind = i.operands[0], i.operands[1], i.type
    if isinstance(target, Vector):
        unpack(t, target.elements, t.read(source, kind), BITS[kind])
    elif isinstance(source, Vector):
        t.write(target, packed(t, source.elements, BITS[kind]), kind)
    else:
        t.write(target, t.read(source, kind), kind)


def packed(t, elements, bits):
    """Registers side by side as one integer, the first lowest."""
    part = bits // len(elements)
    value = "0"
    for n, element in enumerate(elements):
        wide = t.emit(f"zext i{part} {t.read(element, f'b{part}')} to i{bits}")
        value = t.emit(f"or i{bits} {value}, {t.emit(f'shl i{bits} {wide}, {part * n}')}")
    return value


def unpack(t, elements, value, bits):
    part = bits // len(elements)
    for n, element in enumerate(elements):
        if isinstance(element, Register) and element.name == "_":
            continue
        low = t.emit(f"lshr i{bits} {value}, {part * n}")
        t.write(element, t.emit(f"trunc i{bits} {low} to i{part}"), f"b{part}")
