"""Loads and stores (PTX ISA 9.7.9). Hints for caches change nothing that can be seen, so they are taken as read."""

import re

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions.table import opcode
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


def check(i):
    for modifier in i.modifiers:
        if modifier not in SPACES and modifier not in BITS and not HINTS.fullmatch(modifier):
            raise PtxError(f".{modifier} is not executed")


def qualifiers(i):
    """(word before the type, words behind the pointer) that keep an access where it stands."""
    if i.has("acquire"):
        return "atomic ", " acquire"
    if i.has("release"):
        return "atomic ", " release"
    if i.has("relaxed"):
        return "atomic ", " monotonic"
    return ("volatile " if i.has("volatile", "mmio", "cv", "wt") else ""), ""


@opcode("ld", "ldu")
def load(t, i):
    check(i)
    kind, space = i.type, space_of(i)
    target = i.operands[0]
    elements = target.elements if isinstance(target, Vector) else (target,)
    size = BITS[kind] // 8
    if len(elements) != vector_length(i):
        raise PtxError("the number of registers is not that of the vector")
    pointer = t.pointer(i.operands[1], space)
    t.access("load", space, pointer, size * len(elements))
    before, behind = qualifiers(i)
    order(t, space, before)
    for n, element in enumerate(elements):
        at = t.emit(f"getelementptr i8, ptr {pointer}, i64 {n * size}") if n else pointer
        align = size if behind else 1
        t.write(element, t.emit(f"load {before}{llvm(kind)}, ptr {at}{behind}, align {align}"), kind)


@opcode("st")
def store(t, i):
    check(i)
    kind, space = i.type, space_of(i)
    source = i.operands[1]
    elements = source.elements if isinstance(source, Vector) else (source,)
    size = BITS[kind] // 8
    if len(elements) != vector_length(i):
        raise PtxError("the number of registers is not that of the vector")
    values = [t.read(element, kind) for element in elements]
    pointer = t.pointer(i.operands[0], space)
    t.access("store", space, pointer, size * len(elements))
    before, behind = qualifiers(i)
    order(t, space, before)
    for n, value in enumerate(values):
        at = t.emit(f"getelementptr i8, ptr {pointer}, i64 {n * size}") if n else pointer
        align = size if behind else 1
        t.emit_void(f"store {before}{llvm(kind)} {value}, ptr {at}{behind}, align {align}")


def order(t, space, before):
    """Note that what a kernel reads or writes may be of other blocks."""
    t.is_ordered |= bool(before) and space in ("global", None)


def vector_length(i):
    return next((int(m[1:]) for m in i.modifiers if m in ("v2", "v4", "v8")), 1)


@opcode("prefetch", "prefetchu", "discard", "applypriority")
def nothing(t, i):
    """Advice to caches."""
