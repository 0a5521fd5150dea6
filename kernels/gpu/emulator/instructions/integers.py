"""Integer arithmetic (PTX ISA 9.7.1, 9.7.2): it wraps; a division by zero gives all ones, as GPUs do."""

from kernels.gpu.emulator.flow import CARRY
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.syntax import Register
from kernels.gpu.emulator.types import BITS, is_signed


@form("add sub", ".int d, a, b", ".sat.s32 d, a, b", ".cc.word d, a, b")
@form("add", ".u16x2|s16x2 d, a, b")
def add(t, i):
    kind = i.type
    a, b = (t.read(x, kind) for x in i.operands[1:3])
    width = f"i{BITS[kind]}"
    if kind.endswith("x2"):
        a, b = (t.emit(f"bitcast i32 {v} to <2 x i16>") for v in (a, b))
        value = t.emit(f"{i.opcode} <2 x i16> {a}, {b}")
        t.write(i.operands[0], t.emit(f"bitcast <2 x i16> {value} to i32"), kind)
        return
    if i.has("sat"):
        value = t.call(f"llvm.{'s' if is_signed(kind) else 'u'}{i.opcode}.sat.{width}", width, (width, a), (width, b))
    elif i.has("cc"):
        value = with_carry(t, i.opcode, kind, a, b, None)
    else:
        value = t.emit(f"{i.opcode} {width} {a}, {b}")
    t.write(i.operands[0], value, kind)


@form("addc subc", "{.cc}.word d, a, b")
def add_with_carry(t, i):
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    carry = t.read(Register(CARRY), "pred")
    value = with_carry(t, i.opcode[:3], i.type, a, b, carry, sets=i.has("cc"))
    t.write(i.operands[0], value, i.type)


def with_carry(t, what, kind, a, b, carry, sets=True):
    """a + b + carry, or a - b - borrow, in twice the width; the condition code takes what is left over."""
    bits = BITS[kind]
    narrow, wide = f"i{bits}", f"i{2 * bits}"
    x, y = (t.emit(f"zext {narrow} {v} to {wide}") for v in (a, b))
    value = t.emit(f"{what} {wide} {x}, {y}")
    if carry is not None:
        more = t.emit(f"zext i1 {carry} to {wide}")
        value = t.emit(f"{what} {wide} {value}, {more}")
    if sets:
        high = t.emit(f"lshr {wide} {value}, {bits}")
        t.write(Register(CARRY), t.emit(f"trunc {wide} {high} to i1"), "pred")
    return t.emit(f"trunc {wide} {value} to {narrow}")


def product(t, i, a, b, kind):
    """The half of a product, or the whole, that .lo, .hi or .wide names; returns (value, its type)."""
    bits = BITS[kind]
    if i.has("lo"):
        return t.emit(f"mul i{bits} {a}, {b}"), kind
    extend = "sext" if is_signed(kind) else "zext"
    x, y = (t.emit(f"{extend} i{bits} {v} to i{2 * bits}") for v in (a, b))
    value = t.emit(f"mul i{2 * bits} {x}, {y}")
    if i.has("wide"):
        return value, f"{kind[0]}{2 * bits}"
    value = t.emit(f"lshr i{2 * bits} {value}, {bits}")
    return t.emit(f"trunc i{2 * bits} {value} to i{bits}"), kind


@form("mul", ".lo|hi.int d, a, b", ".wide.u16|s16|u32|s32 d:wide, a, b")
def mul(t, i):
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    value, kind = product(t, i, a, b, i.type)
    t.write(i.operands[0], value, kind)


@form("mad", ".lo|hi.int d, a, b, c", ".wide.u16|s16|u32|s32 d:wide, a, b, c:wide", ".hi.sat.s32 d, a, b, c")
@form("mad", ".lo|hi.cc.word d, a, b, c")
@form("madc", ".lo|hi{.cc}.word d, a, b, c")
def mad(t, i):
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    value, kind = product(t, i, a, b, i.type)
    width, c = f"i{BITS[kind]}", t.read(i.operands[3], kind)
    if i.has("cc") or i.opcode == "madc":
        carry = t.read(Register(CARRY), "pred") if i.opcode == "madc" else None
        value = with_carry(t, "add", kind, value, c, carry, sets=i.has("cc"))
    elif i.has("sat"):
        value = t.call(f"llvm.sadd.sat.{width}", width, (width, value), (width, c))
    else:
        value = t.emit(f"add {width} {value}, {c}")
    t.write(i.operands[0], value, kind)


@form("mul24", ".lo|hi.u32|s32 d, a, b")
@form("mad24", ".lo|hi.u32|s32 d, a, b, c", ".hi.sat.s32 d, a, b, c")
def mul24(t, i):
    """Products of the low 24 bits: .lo the low 32 bits of the 48, .hi the high 32."""
    signed = is_signed(i.type)
    wide = []
    for x in i.operands[1:3]:
        value = t.emit(f"shl i32 {t.read(x, i.type)}, 8")
        value = t.emit(f"{'ashr' if signed else 'lshr'} i32 {value}, 8")
        wide.append(t.emit(f"{'sext' if signed else 'zext'} i32 {value} to i64"))
    value = t.emit(f"mul i64 {wide[0]}, {wide[1]}")
    if i.has("hi"):
        value = t.emit(f"lshr i64 {value}, 16")
    value = t.emit(f"trunc i64 {value} to i32")
    if i.opcode == "mad24":
        c = t.read(i.operands[3], i.type)
        if i.has("sat"):
            value = t.call("llvm.sadd.sat.i32", "i32", ("i32", value), ("i32", c))
        else:
            value = t.emit(f"add i32 {value}, {c}")
    t.write(i.operands[0], value, i.type)


@form("sad", ".int d, a, b, c")
def sad(t, i):
    """c + |a - b|."""
    kind, width = i.type, f"i{BITS[i.type]}"
    a, b, c = (t.read(x, kind) for x in i.operands[1:4])
    less = t.emit(f"icmp {'slt' if is_signed(kind) else 'ult'} {width} {a}, {b}")
    up, down = t.emit(f"sub {width} {b}, {a}"), t.emit(f"sub {width} {a}, {b}")
    apart = t.emit(f"select i1 {less}, {width} {up}, {width} {down}")
    t.write(i.operands[0], t.emit(f"add {width} {c}, {apart}"), kind)


@form("div rem", ".int d, a, b")
def divide(t, i):
    kind, width = i.type, f"i{BITS[i.type]}"
    a, b = (t.read(x, kind) for x in i.operands[1:3])
    sign = "s" if is_signed(kind) else "u"
    # Processors trap where a GPU does not: at a divisor of zero, and at the least integer by -1. Both are kept away.
    none = t.emit(f"icmp eq {width} {b}, 0")
    wrong = none
    if sign == "s":
        minus = t.emit(f"icmp eq {width} {b}, -1")
        wrong = t.emit(f"or i1 {none}, {minus}")
    safe = t.emit(f"select i1 {wrong}, {width} 1, {width} {b}")
    value = t.emit(f"{sign}{i.opcode} {width} {a}, {safe}")
    if sign == "s":
        by_minus = t.emit(f"sub {width} 0, {a}") if i.opcode == "div" else "0"
        value = t.emit(f"select i1 {minus}, {width} {by_minus}, {width} {value}")
    by_none = "-1" if i.opcode == "div" else a
    t.write(i.operands[0], t.emit(f"select i1 {none}, {width} {by_none}, {width} {value}"), kind)


@form("abs neg", ".s16|s32|s64 d, a")
def sign(t, i):
    width = f"i{BITS[i.type]}"
    a = t.read(i.operands[1], i.type)
    minus = t.emit(f"sub {width} 0, {a}")
    if i.opcode == "abs":
        below = t.emit(f"icmp slt {width} {a}, 0")
        minus = t.emit(f"select i1 {below}, {width} {minus}, {width} {a}")
    t.write(i.operands[0], minus, i.type)


@form("min max", ".int|u16x2|s16x2 d, a, b", ".relu.s32|s16x2 d, a, b")
def extreme(t, i):
    sign = "s" if is_signed(i.type) else "u"
    width = "<2 x i16>" if i.type.endswith("x2") else f"i{BITS[i.type]}"
    name = "v2i16" if i.type.endswith("x2") else width
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    if i.type.endswith("x2"):
        a, b = (t.emit(f"bitcast i32 {v} to {width}") for v in (a, b))
    value = t.call(f"llvm.{sign}{i.opcode}.{name}", width, (width, a), (width, b))
    if i.has("relu"):
        value = t.call(
            f"llvm.smax.{name}", width, (width, value), (width, "zeroinitializer" if name[0] == "v" else "0")
        )
    if i.type.endswith("x2"):
        value = t.emit(f"bitcast {width} {value} to i32")
    t.write(i.operands[0], value, i.type)


@form("dp4a", ".u32|s32.u32|s32 d:u32, a:u32, b:u32, c:u32")
@form("dp2a", ".lo|hi.u32|s32.u32|s32 d:u32, a:u32, b:u32, c:u32")
def dot(t, i):
    """c + the sum of products of 4 bytes each; of dp2a of 2 halves of a with 2 bytes of b, the .lo or the .hi ones."""
    of_a, of_b = i.types
    a, b = t.read(i.operands[1], "b32"), t.read(i.operands[2], "b32")
    total = t.read(i.operands[3], "b32")
    count = 4 if i.opcode == "dp4a" else 2
    start = 16 if i.has("hi") else 0
    for n in range(count):
        x = part(t, a, n * 32 // count, 32 // count, is_signed(of_a))
        y = part(t, b, start + 8 * n, 8, is_signed(of_b))
        total = t.emit(f"add i32 {total}, {t.emit(f'mul i32 {x}, {y}')}")
    t.write(i.operands[0], total, "b32")


def part(t, value, start, bits, signed):
    """Bits of an i32 as an i32."""
    value = t.emit(f"shl i32 {value}, {32 - start - bits}")
    return t.emit(f"{'ashr' if signed else 'lshr'} i32 {value}, {32 - bits}")
