"""Atomic operations and fences (PTX ISA 9.7.13)."""

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions.memory import space_of
from kernels.gpu.emulator.instructions.table import opcode
from kernels.gpu.emulator.types import BITS, is_float, is_signed, llvm

OPERATIONS = ("add", "and", "or", "xor", "exch", "min", "max", "inc", "dec", "cas")
HINTS = ("relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys", "cluster", "noftz", "sync", "aligned", "sc",
         "shared::cta", "L2::cache_hint")  # fmt: skip


@opcode("atom", "red")
def atomic(t, i):
    kind, space = i.type, space_of(i)
    t.only(i, *OPERATIONS, *HINTS, "global", "shared")
    if kind in ("f16", "bf16", "f16x2", "bf16x2", "b128"):
        raise PtxError(f".{kind} is not executed")
    (how,) = (m for m in i.modifiers if m in OPERATIONS)
    operands = list(i.operands)
    target = operands.pop(0) if i.opcode == "atom" else None
    width = llvm(kind)
    values = [t.read(x, kind) for x in operands[1:3]]
    if space != "shared":
        t.is_ordered = True
    pointer = t.pointer(operands[0], space)
    t.access("atomic", space, pointer, BITS[kind] // 8)
    if how == "cas":
        pair = t.emit(f"cmpxchg ptr {pointer}, {width} {values[0]}, {width} {values[1]} acq_rel monotonic")
        old = t.emit(f"extractvalue {{{width}, i1}} {pair}, 0")
    else:
        names = {"exch": "xchg", "inc": "uinc_wrap", "dec": "udec_wrap", "and": "and", "or": "or", "xor": "xor"}
        if is_float(kind):
            if how not in ("add", "exch"):
                raise PtxError(f".{how}.{kind} is not executed")
            name = "fadd" if how == "add" else "xchg"
        elif how in ("min", "max"):
            name = how if is_signed(kind) else f"u{how}"
        else:
            name = names.get(how, how)
        old = t.emit(f"atomicrmw {name} ptr {pointer}, {width} {values[0]} acq_rel")
    if target is not None:
        t.write(target, old, kind)


@opcode("membar", "fence")
def fence(t, i):
    t.is_ordered |= not i.has("cta")
    t.emit_void("fence seq_cst")
    if not i.has("cta"):
        t.announce("fence")
