"""Comparison and selection (PTX ISA 9.7.6, 9.7.7)."""

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions import floats, halves
from kernels.gpu.emulator.instructions.table import opcode
from kernels.gpu.emulator.syntax import Pair
from kernels.gpu.emulator.types import BITS, is_float, is_signed, llvm

INTEGER = {
    "eq": "eq",
    "ne": "ne",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "lo": "ult",
    "ls": "ule",
    "hi": "ugt",
    "hs": "uge",
}
FLOAT = {
    **{name: f"o{name}" for name in ("eq", "lt", "le", "gt", "ge")},
    "ne": "one",
    "equ": "ueq", "neu": "une", "ltu": "ult", "leu": "ule", "gtu": "ugt", "geu": "uge",
    "num": "ord", "nan": "uno",
}  # fmt: skip
LOGIC = ("and", "or", "xor")


def compared(t, i, kind):
    """(the comparison of the two operands as an i1, the logic it is combined with and the predicate, or None)."""
    a, b = i.operands[1:3]
    logic = next((m for m in i.modifiers if m in LOGIC), None)
    name = i.modifiers[0]
    t.only(i, "ftz", *LOGIC, name)
    if kind in ("f16", "bf16"):
        x, y, sort = halves.read_wide(t, i, a, kind), halves.read_wide(t, i, b, kind), "float"
    else:
        x, y, sort = t.read(a, kind), t.read(b, kind), llvm(kind)
    if sort in ("float", "double"):
        if name not in FLOAT:
            raise PtxError(f".{name} does not compare floats")
        x, y = floats.flushed(t, i, sort, x), floats.flushed(t, i, sort, y)
        found = t.emit(f"fcmp {FLOAT[name]} {sort} {x}, {y}")
    else:
        if name not in INTEGER or kind not in BITS or BITS[kind] == 1:
            raise PtxError(f".{name} does not compare integers")
        how = INTEGER[name]
        if how in ("lt", "le", "gt", "ge"):
            how = ("s" if is_signed(kind) else "u") + how
        found = t.emit(f"icmp {how} {sort} {x}, {y}")
    if logic:
        return found, logic, t.read(i.operands[3], "pred")
    return found, None, None


@opcode("setp")
def set_predicate(t, i):
    found, logic, other = compared(t, i, i.type)
    target = i.operands[0]
    first = t.emit(f"{logic} i1 {found}, {other}") if logic else found
    if isinstance(target, Pair):
        opposite = t.emit(f"xor i1 {found}, true")
        t.write(target.second, t.emit(f"{logic} i1 {opposite}, {other}") if logic else opposite, "pred")
        target = target.first
    t.write(target, first, "pred")


@opcode("set")
def set_value(t, i):
    """All ones, or 1.0, where the comparison holds."""
    to, kind = i.types
    found, logic, other = compared(t, i, kind)
    if logic:
        found = t.emit(f"{logic} i1 {found}, {other}")
    if is_float(to):
        value = t.emit(f"select i1 {found}, {llvm(to)} 1.0, {llvm(to)} 0.0")
    elif to in ("f16", "bf16"):
        value = t.emit(f"select i1 {found}, i16 {0x3C00 if to == 'f16' else 0x3F80}, i16 0")
    else:
        value = t.emit(f"sext i1 {found} to {llvm(to)}")
    t.write(i.operands[0], value, to)


@opcode("selp")
def select(t, i):
    t.only(i)
    kind = llvm(i.type)
    a, b = (t.read(x, i.type) for x in i.operands[1:3])
    c = t.read(i.operands[3], "pred")
    t.write(i.operands[0], t.emit(f"select i1 {c}, {kind} {a}, {kind} {b}"), i.type)


@opcode("slct")
def select_by_sign(t, i):
    """a where c >= 0, else b; NaN takes b, -0 takes a."""
    to, of = i.types
    t.only(i, "ftz")
    kind = llvm(to)
    a, b = (t.read(x, to) for x in i.operands[1:3])
    c = t.read(i.operands[3], of)
    if of == "f32":
        found = t.emit(f"fcmp oge float {floats.flushed(t, i, 'float', c)}, 0.0")
    else:
        found = t.emit(f"icmp sge i32 {c}, 0")
    t.write(i.operands[0], t.emit(f"select i1 {found}, {kind} {a}, {kind} {b}"), to)
