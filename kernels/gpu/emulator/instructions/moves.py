"""Moves, and addresses in their space and generic ones (PTX ISA 9.7.9): mov, cvta, isspacep."""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions import lanes
from kernels.gpu.emulator.instructions.forms import form, mismatch
from kernels.gpu.emulator.syntax import Register
from kernels.gpu.emulator.types import BITS

SPACES = "global|shared|shared::cta|shared::cluster|local|const|param|param::entry"


@form("mov", ".pred|b8|bits|b128|int|f32|f64 d, a")
def move(t, i):
    t.write(i.operands[0], t.read(i.operands[1], i.type), i.type)


@form("mov", ".word|b32|b64 d, s")
def move_address(t, i):
    """Of a variable, in its space."""
    t.write(i.operands[0], t.read(i.operands[1], i.type), i.type)


def part(i, elements):
    """The type of each of the registers that are as long as one together."""
    bits, count = BITS[i.type], len(elements)
    if count not in (2, 4) or not 8 <= bits // count <= 64:
        raise PtxError(f"{count} registers in place of one of {bits} bits")
    return f"b{bits // count}"


@form("mov", ".bits|b128 d, v")
def pack(t, i):
    elements = i.operands[1].elements
    kind = part(i, elements)
    for element in elements:
        if problem := mismatch(t, "a", element, kind):
            raise PtxError(problem)
    found = lanes.joined(t, [t.read(element, kind) for element in elements], BITS[kind])
    t.write(i.operands[0], found, i.type)


@form("mov", ".bits|b128 v, a")
def unpack(t, i):
    elements = i.operands[0].elements
    kind = part(i, elements)
    for element in elements:
        if problem := mismatch(t, "d", element, kind, "_"):
            raise PtxError(problem)
    values = lanes.split(t, t.read(i.operands[1], i.type), BITS[kind], len(elements))
    for element, value in zip(elements, values, strict=True):
        t.write(element, value, kind)


def space_of(i):
    """The state space without what follows :: in its name."""
    return next(m.partition("::")[0] for m in i.modifiers if m in SPACES.split("|"))


@form("cvta", f"{{.to}}.{SPACES}.u64 d, a", f".{SPACES}.u64 d, s")
def convert_address(t, i):
    """Between an address in its space and a generic one, which here is an address of this process."""
    base = {"shared": "%shared", "local": "%local", "param": "%params"}.get(space_of(i))
    if isinstance(i.operands[1], Register) or not hasattr(i.operands[1], "name"):
        value = t.read(i.operands[1], "u64")
    else:
        value, space = t.address_in_space(i.operands[1])
        if space != space_of(i):
            raise PtxError(f"{i.operands[1].name} is in {space} memory")
    if base:
        start = t.emit(f"ptrtoint ptr {base} to i64")
        value = t.emit(f"{'sub' if i.has('to') else 'add'} i64 {value}, {start}")
    t.write(i.operands[0], value, "u64")


@form("isspacep", f".{SPACES} d:pred, a:u64")
def is_in_space(t, i):
    """Whether a generic address is one of the shared, the local or the parameters' memory; else it is global."""
    address = t.read(i.operands[1], "u64")

    def inside(base, size):
        start = t.emit(f"ptrtoint ptr {base} to i64")
        return t.emit(f"icmp ult i64 {t.emit(f'sub i64 {address}, {start}')}, {size}")

    at = t.emit(f"getelementptr i8, ptr %block, i64 {layout.TOTAL}")
    total = t.emit(f"zext i32 {t.emit(f'load i32, ptr {at}')} to i64")
    found = {
        "shared": inside("%shared", total),
        "local": inside("%local", str(max(t.places.local_bytes, 1))),
        "param": inside("%params", str(max(t.places.parameter_bytes, 1))),
        "const": "false",
    }
    if space_of(i) == "global":
        elsewhere = t.emit(f"or i1 {found['shared']}, {found['local']}")
        elsewhere = t.emit(f"or i1 {elsewhere}, {found['param']}")
        found["global"] = t.emit(f"xor i1 {elsewhere}, true")
    t.write(i.operands[0], found[space_of(i)], "pred")
