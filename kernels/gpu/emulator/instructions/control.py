"""Control flow and barriers (PTX ISA 9.7.12, 9.7.13)."""

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.instructions.table import opcode

REDUCTIONS = {"popc": 1, "and": 2, "or": 3}


@opcode("bra")
def branch(t, i):
    t.only(i, "uni")
    block, _ = t.at
    close_loop(t, block)
    to, access = block.next[0], t.spins.get(block.number)
    if i.predicate is not None:
        behind = block.next[1] if len(block.next) > 1 else None
        if behind is None:
            raise PtxError("the function ends behind it")
        condition = t.read(i.predicate, "pred")
        taken = t.label("again") if access else f"b{to}"
        t.emit_void(f"br i1 {condition}, label %{taken}, label %b{behind}")
        if not access:
            return
        t.begin(taken)
    if access:
        t.stop("yield", at=access)
    t.emit_void(f"br label %b{to}")


def close_loop(t, block):
    """As a branch does that may go back."""
    if min(block.next) <= block.number:
        t.turn(block)


@opcode("brx")
def branch_indexed(t, i):
    """To the label of that index; beyond the list a GPU may do anything, this one takes the last."""
    t.only(i, "idx", "uni")
    if i.predicate is not None:
        raise PtxError("a predicate before it is not executed")
    block, _ = t.at
    close_loop(t, block)
    index = t.read(i.operands[0], "u32")
    if access := t.spins.get(block.number):
        t.stop("yield", deposits=(index,), at=access)
        index = t.emit(f"load i32, ptr {t.emit(f'getelementptr i8, ptr %thread, i64 {layout.DEPOSIT}')}")
    cases = " ".join(f"i32 {n}, label %b{to}" for n, to in enumerate(block.next))
    t.emit_void(f"switch i32 {index}, label %b{block.next[-1]} [{cases}]")


@form("ret", "{.uni}")
@form("exit", "")
def end(t, i):
    t.emit_void("ret i32 0")


@form("trap", "")
def trap(t, i):
    t.emit_void(f"ret i32 {layout.TRAP}")


@form("brkpt", "")
@form("pmevent", "{.mask} n")
@form("griddepcontrol", ".launch_dependents|wait")
@form("setmaxnreg", ".inc|dec.sync.aligned.u32 n")
def nothing(t, i):
    """For debuggers, profilers and the order of launches."""


@form("nanosleep", ".u32 a")
def sleep(t, i):
    """Let others go on."""
    t.stop("yield")


@form("bar", ".warp.sync m:u32")
def warp_barrier(t, i):
    t.stop("warp sync", 0, (t.read(i.operands[0], "b32"),))


def forms(aligned):
    """A barrier's number, and how many threads it waits for, or all."""
    for threads in ("", ", b:u32"):
        yield f"{{.cta}}.sync{aligned} a:u32{threads}"
        yield f"{{.cta}}.red.popc{aligned}.u32 d, a:u32{threads}, p:pred"
        yield f"{{.cta}}.red.and|or{aligned}.pred d, a:u32{threads}, p:pred"
    yield f"{{.cta}}.arrive{aligned} a:u32, b:u32"


@form("bar", *forms(""))
@form("barrier", *forms("{.aligned}"))
def barrier(t, i):
    operands = list(i.operands)
    reduction = next((REDUCTIONS[m] for m in i.modifiers if m in REDUCTIONS), 0)
    target = operands.pop(0) if i.has("red") else None
    voted = "0"
    if i.has("red"):
        voted = t.emit(f"zext i1 {t.read(operands.pop(), 'pred')} to i32")
    number = t.read(operands[0], "u32")
    count = t.read(operands[1], "u32") if len(operands) > 1 else "0"
    if i.has("arrive"):
        t.stop("arrive", 0, (number, count, voted))
        return
    t.stop("barrier", reduction, (number, count, voted))
    if i.has("red"):
        value = t.result()
        if reduction == 1:
            t.write(target, value, "u32")
        else:
            t.write(target, t.emit(f"icmp ne i32 {value}, 0"), "pred")
