"""Around calls of functions by themselves (routines.py): `push` and `pop`, which no text has but inlining leaves.

Saved is what is read after the call. On the stack it stands in the frame of the caller, behind its variables.
"""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.instructions.table import opcode
from kernels.gpu.emulator.routines import FRAME, STACK, STACK_BYTES
from kernels.gpu.emulator.syntax import Register


@opcode("push")
def push(t, i):
    _, _, registers, offsets, own, callee = i.operands
    frame = t.read(Register(FRAME), "u64")
    for value, home, at in cells(t, i, frame, registers.elements, offsets.elements):
        t.emit_void(f"store {home} {t.emit(f'load {home}, ptr {value}')}, ptr {at}, align 8")
    frame = t.emit(f"add i64 {frame}, {own.value}")
    t.write(Register(FRAME), frame, "u64")
    end = t.emit(f"add i64 {frame}, {callee.value}")
    deep, on = t.label("deep"), t.label("on")
    t.emit_void(f"br i1 {t.emit(f'icmp ugt i64 {end}, {STACK_BYTES}')}, label %{deep}, label %{on}")
    t.begin(deep)
    t.give_up(layout.DEEP)
    t.begin(on)


@opcode("pop")
def pop(t, i):
    written, _, offsets, own, _ = i.operands
    frame = t.emit(f"sub i64 {t.read(Register(FRAME), 'u64')}, {own.value}")
    t.write(Register(FRAME), frame, "u64")
    for value, home, at in cells(t, i, frame, written.elements[1:], offsets.elements):
        t.emit_void(f"store {home} {t.emit(f'load {home}, ptr {at}, align 8')}, ptr {value}")


def cells(t, i, frame, registers, offsets):
    """(where a register is kept, its LLVM type, where it is saved) of those that are read after the call."""
    after = next(
        (block, n)
        for block in t.blocks
        for n, item in enumerate(block.instructions)
        if item.opcode == "pop" and item.modifiers == i.modifiers
    )
    live = set(t.liveness.behind(*after, with_own=True))
    stack, _ = t.places.locals[STACK]
    for register, offset in zip(registers, offsets, strict=True):
        if register.name in live and register.name in t.index:
            at = t.emit(f"add i64 {frame}, {stack + offset.value}")
            pointer = t.emit(f"getelementptr i8, ptr %local, i64 {at}")
            yield f"%r{t.index[register.name]}", t.home[register.name], pointer
