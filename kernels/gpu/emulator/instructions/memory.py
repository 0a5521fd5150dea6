"""Loads and stores (PTX ISA 9.7.9). Hints for caches change nothing that can be seen, so they are taken as read."""

import re

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions.forms import form, mismatch
from kernels.gpu.emulator.syntax import Vector
from kernels.gpu.emulator.types import BITS, llvm

SPACES = ("global", "shared", "local", "const", "param")
HINTS = re.compile(
    r"ca|cg|cs|lu|cv|wb|wt|nc|uni|weak|L[12]::.*|level::.*|cta|gpu|sys|cluster|mmio|relaxed|acquire|release|volatile"
    r"|v[248]|unified|(?:shared|param)::\w+"
)


def space_of(i):
    """The state space that an instruction names; None for a generic address."""
    return next((m.partition("::")[0] for m in i.modifiers if m.partition("::")[0] in SPACES), None)


def check(t, i, name, elements):
    """Refuse modifiers that are none of a load or store, and registers that do not fit its type; a wider one does."""
    for modifier in i.modifiers:
        if modifier not in SPACES and modifier not in BITS and not HINTS.fullmatch(modifier):
            raise PtxError(f".{modifier} is not executed")
    if len(i.types) != 1 or not re.fullmatch(r"[usb]\d+|f32|f64", i.type):
        raise PtxError(f".{'.'.join(i.types)} is not executed")
    if len(elements) != vector_length(i):
        raise PtxError("the number of registers is not that of the vector")
    for element in elements:
        if problem := mismatch(t, name, element, i.type, "+_" if name == "d" and len(elements) > 1 else "+"):
            raise PtxError(problem)


def qualifiers(i):
    """(word before the type, words behind the pointer) that keep an access where it stands."""
    if i.has("acquire"):
        return "atomic ", " acquire"
    if i.has("release"):
        return "atomic ", " release"
    if i.has("relaxed"):
        return "atomic ", " monotonic"
    return ("volatile " if i.has("volatile", "mmio", "cv", "wt") else ""), ""


@form("ld ldu", "* x, [a]")
def load(t, i):
    target, _ = i.operands
    elements = target.elements if isinstance(target, Vector) else (target,)
    check(t, i, "d", elements)
    kind, space = i.type, space_of(i)
    size = BITS[kind] // 8
    pointer = t.pointer(i.operands[1], space)
    t.access("load", space, pointer, size * len(elements))
    before, behind = qualifiers(i)
    order(t, space, before)
    if behind and size == 16:
        aligned(t, pointer, size)
    for n, element in enumerate(elements):
        at = t.emit(f"getelementptr i8, ptr {pointer}, i64 {n * size}") if n else pointer
        align = size if behind else 1
        t.write(element, t.emit(f"load {before}{llvm(kind)}, ptr {at}{behind}, align {align}"), kind)


@form("st", "* [a], x")
def store(t, i):
    _, source = i.operands
    elements = source.elements if isinstance(source, Vector) else (source,)
    check(t, i, "a", elements)
    kind, space = i.type, space_of(i)
    size = BITS[kind] // 8
    values = [t.read(element, kind) for element in elements]
    pointer = t.pointer(i.operands[0], space)
    t.access("store", space, pointer, size * len(elements))
    before, behind = qualifiers(i)
    order(t, space, before)
    if behind and size == 16:
        aligned(t, pointer, size)
    for n, value in enumerate(values):
        at = t.emit(f"getelementptr i8, ptr {pointer}, i64 {n * size}") if n else pointer
        align = size if behind else 1
        t.emit_void(f"store {before}{llvm(kind)} {value}, ptr {at}{behind}, align {align}")


def order(t, space, before):
    """Note that what a kernel reads or writes may be of other blocks."""
    t.is_ordered |= bool(before) and space in ("global", None)


def aligned(t, pointer, size):
    """Trap where an address is no multiple of the size: processors would end the whole process."""
    low = t.emit(f"and i64 {t.emit(f'ptrtoint ptr {pointer} to i64')}, {size - 1}")
    good, bad = t.label("good"), t.label("bad")
    t.emit_void(f"br i1 {t.emit(f'icmp eq i64 {low}, 0')}, label %{good}, label %{bad}")
    t.begin(bad)
    t.emit_void(f"ret i32 {layout.TRAP}")
    t.begin(good)


def vector_length(i):
    return next((int(m[1:]) for m in i.modifiers if m in ("v2", "v4", "v8")), 1)


@form("prefetch", "{.global|local}.L1|L2 [a]", ".global.L2::evict_last|L2::evict_normal [a]")
@form("prefetch", "{.const|param}.tensormap [a]")
@form("prefetchu", ".L1 [a]")
@form("applypriority", "{.global}.L2::evict_normal [a], n")
@form("discard", "{.global}.L2 [a], n")
def nothing(t, i):
    """Advice to caches."""
