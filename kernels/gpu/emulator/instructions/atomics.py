"""Atomic operations and fences (PTX ISA 9.7.13).

What a processor does at once is one instruction of it; all else reads, computes, and writes if nobody has written in
between, again and again. Of a vector each element is changed at once, not the whole, as the manual says.
"""

from kernels.gpu.emulator.instructions import floats, halves, lanes
from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.instructions.memory import aligned, space_of
from kernels.gpu.emulator.instructions.narrow import narrowed, widened
from kernels.gpu.emulator.syntax import Vector
from kernels.gpu.emulator.types import BITS, is_float, is_signed, llvm

OPERATIONS = ("add", "and", "or", "xor", "exch", "min", "max", "inc", "dec", "cas")
SCOPE = "{.cta|cluster|gpu|sys}"
ORDER, ORDER_OF_RED = "{.relaxed|acquire|release|acq_rel}", "{.relaxed|release}"
SPACES = "{.global|shared|shared::cta|shared::cluster}"
# What both atom and red have, one value at a time and, of global memory, several.
SINGLE = (".add.u32|s32|u64|f32|f64", ".and|or|xor.b32|b64", ".min|max.word", ".inc|dec.u32", ".add.noftz.half")
VECTORS = (".add.v2|v4.f32", ".add|min|max.noftz.v2|v4|v8.f16|bf16", ".add|min|max.noftz.v2|v4.f16x2|bf16x2")
ONLY_ATOM = (".exch.b32|b64|b128",)
CAS = ".cas.bits|b128"


def forms(texts, operands, spaces=SPACES, order=ORDER):
    """With and without a hint for caches of global memory, which is one operand more."""
    for text in texts:
        yield f"{order}{SCOPE}{spaces}{text} {operands}"
        if text != CAS:
            yield f"{order}{SCOPE}{{.global}}.L2::cache_hint{text} {operands}, h:u64"


@form("atom", *forms((*SINGLE, *ONLY_ATOM), "d_, [a], b"), *forms((CAS,), "d_, [a], b, c"))
@form("atom", *forms(VECTORS, "{d}_, [a], {b}", "{.global}"))
@form("red", *forms(SINGLE, "[a], b", order=ORDER_OF_RED))
@form("red", *forms(VECTORS, "[a], {b}", "{.global}", ORDER_OF_RED))
def atomic(t, i):
    kind, space = i.type, space_of(i)
    operands = list(i.operands)
    target = operands.pop(0) if i.opcode == "atom" else None
    if space != "shared":
        t.is_ordered = True
    given = operands[1].elements if isinstance(operands[1], Vector) else operands[1:2]
    values = [t.read(x, kind) for x in given]
    other = t.read(operands[2], kind) if i.has("cas") else None
    size = BITS[kind] // 8
    pointer = t.pointer(operands[0], space)
    t.access("atomic", space, pointer, size * len(values))
    if size == 16:
        aligned(t, pointer, size)
    found = []
    for n, value in enumerate(values):
        at = t.emit(f"getelementptr i8, ptr {pointer}, i64 {n * size}") if n else pointer
        found.append(changed(t, i, at, value, other))
    if target is not None:
        for element, old in zip(target.elements if isinstance(target, Vector) else (target,), found, strict=True):
            t.write(element, old, kind)


def changed(t, i, pointer, value, other):
    """What stood there before the operation changed it."""
    kind, how, width = i.type, next(m for m in i.modifiers if m in OPERATIONS), llvm(i.type)
    if how == "cas":
        pair = t.emit(f"cmpxchg ptr {pointer}, {width} {value}, {width} {other} acq_rel monotonic")
        return t.emit(f"extractvalue {{{width}, i1}} {pair}, 0")
    if kind == "b128":
        return replaced(t, pointer, width, lambda old: value)
    if kind.removesuffix("x2") in ("f16", "bf16"):
        return replaced(t, pointer, width, lambda old: combined(t, i, kind, old, value))
    if kind == "f32" and space_of(i) != "shared":
        return replaced(t, pointer, "i32", lambda old: flushing_sum(t, old, value), "float")
    names = {"exch": "xchg", "inc": "uinc_wrap", "dec": "udec_wrap"}
    if is_float(kind):
        name = "fadd"
    elif how in ("min", "max"):
        name = how if is_signed(kind) else f"u{how}"
    else:
        name = names.get(how, how)
    return t.emit(f"atomicrmw {name} ptr {pointer}, {width} {value} acq_rel")


def replaced(t, pointer, width, compute, kind=None):
    """Write what `compute` makes of what stands there; what stood there, as another LLVM type of as many bits."""
    again, done = t.label("again"), t.label("done")
    t.emit_void(f"br label %{again}")
    t.begin(again)
    size = int(width[1:]) // 8
    # Of 16 bytes no plain load is sure to be whole; a comparison that writes what it has found is.
    if size == 16:
        pair = t.emit(f"cmpxchg ptr {pointer}, {width} 0, {width} 0 acq_rel monotonic")
        old = t.emit(f"extractvalue {{{width}, i1}} {pair}, 0")
    else:
        old = t.emit(f"load atomic {width}, ptr {pointer} monotonic, align {size}")
    new = compute(old)
    pair = t.emit(f"cmpxchg ptr {pointer}, {width} {old}, {width} {new} acq_rel monotonic")
    t.emit_void(f"br i1 {t.emit(f'extractvalue {{{width}, i1}} {pair}, 1')}, label %{done}, label %{again}")
    t.begin(done)
    return t.emit(f"bitcast {width} {old} to {kind}") if kind else old


def flushing_sum(t, old, value):
    """In global memory the sum of float32 takes subnormals as zeros and gives none; in shared memory it has them."""
    zeros = [floats.zero_if_subnormal(t, "float", v) for v in (t.emit(f"bitcast i32 {old} to float"), value)]
    total = floats.zero_if_subnormal(t, "float", t.emit(f"fadd float {zeros[0]}, {zeros[1]}"))
    return t.emit(f"bitcast float {total} to i32")


def combined(t, i, kind, old, value):
    """Bits of a half, or of two, that are the sum, the less or the greater."""
    if kind.endswith("x2"):
        pairs = zip(lanes.split(t, old, 16, 2), lanes.split(t, value, 16, 2), strict=True)
        return lanes.joined(t, [combined(t, i, kind[:-2], *pair) for pair in pairs], 16)
    a, b = (widened(t, v, kind) for v in (old, value))
    if i.has("add"):
        return narrowed(t, halves.in_double(t, "add", a, b), kind)
    return narrowed(t, floats.extreme_of(t, i, "double", (a, b), "min" if i.has("min") else "max"), kind)


@form("membar", ".cta|gl|sys")
@form(
    "fence", "{.sc|acq_rel|acquire|release}.cta|cluster|gpu|sys", ".proxy.alias|async", ".mbarrier_init.release.cluster"
)
@form("fence", ".proxy.async.global|shared::cta|shared::cluster")
@form("fence", ".acquire.sync_restrict::shared::cluster.cluster", ".release.sync_restrict::shared::cta.cluster")
def fence(t, i):
    t.is_ordered |= not i.has("cta")
    t.emit_void("fence seq_cst")
    if not i.has("cta"):
        t.announce("fence")
