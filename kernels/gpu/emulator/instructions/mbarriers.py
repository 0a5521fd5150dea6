"""Barriers that are objects in shared memory (PTX ISA 9.7.13.15): threads arrive, and ask whether a phase is complete.

The 64 bits are opaque to programs. Here the lowest 20 count arrivals that a phase takes, the next 20 those that it
still waits for, the others phases. A state that `arrive` returns is the object before. Threads of a block never run at
the same time, so nothing need be atomic.
"""

from kernels.gpu.emulator.errors import PtxError
from kernels.gpu.emulator.instructions.memory import space_of
from kernels.gpu.emulator.instructions.table import opcode

COUNT = (1 << 20) - 1
PENDING, PHASE = 20, 40  # where they begin, in bits
ORDER = ("release", "acquire", "relaxed", "cta", "cluster", "shared", "shared::cta", "b64")
KINDS = ("init", "inval", "arrive", "arrive_drop", "test_wait", "try_wait", "pending_count")


@opcode("mbarrier")
def mbarrier(t, i):
    kind = i.modifiers[0]
    if kind not in KINDS:
        raise PtxError(f".{kind} is not executed")
    t.only(i, kind, "noComplete", "parity", *ORDER)
    if kind == "pending_count":
        t.write(i.operands[0], pending(t, t.read(i.operands[1], "b64"), "i32"), "u32")
    elif kind == "init":
        count = t.emit(f"zext i32 {t.read(i.operands[1], 'u32')} to i64")
        at = pointer(t, i, i.operands[0], "store")
        both = t.emit(f"or i64 {count}, {t.emit(f'shl i64 {count}, {PENDING}')}")
        t.emit_void(f"store i64 {both}, ptr {at}")
    elif kind in ("arrive", "arrive_drop"):
        state, address, *count = i.operands
        before = arrive(t, i, address, t.read(count[0], "u32") if count else "1", kind == "arrive_drop")
        t.write(state, before, "b64")
    elif kind != "inval":
        wait(t, i)


def pointer(t, i, address, what):
    found = t.pointer(address, space_of(i))
    t.access(what, "shared", found, 8)
    return found


def pending(t, state, kind):
    value = t.emit(f"and i64 {t.emit(f'lshr i64 {state}, {PENDING}')}, {COUNT}")
    return value if kind == "i64" else t.emit(f"trunc i64 {value} to {kind}")


def arrive(t, i, address, count, is_dropped=False):
    """Take arrivals off what is pending; after the last a new phase begins. Returns the object before."""
    at = pointer(t, i, address, "atomic")
    before = t.emit(f"load i64, ptr {at}")
    count = t.emit(f"zext i32 {count} to i64")
    taken = t.emit(f"shl i64 {count}, {PENDING}")
    if is_dropped:  # the next phases take fewer as well
        taken = t.emit(f"add i64 {taken}, {count}")
    after = t.emit(f"sub i64 {before}, {taken}")
    expected = t.emit(f"and i64 {after}, {COUNT}")
    phase = t.emit(f"and i64 {after}, {-1 << PHASE}")
    following = t.emit(f"or i64 {t.emit(f'add i64 {phase}, {1 << PHASE}')}, {expected}")
    following = t.emit(f"or i64 {following}, {t.emit(f'shl i64 {expected}, {PENDING}')}")
    is_last = t.emit(f"icmp eq i64 {pending(t, after, 'i64')}, 0")
    t.emit_void(f"store i64 {t.emit(f'select i1 {is_last}, i64 {following}, i64 {after}')}, ptr {at}")
    return before


def wait(t, i):
    """Whether the phase of a state is complete; .parity: whether that of an even or an odd number is.

    try_wait may wait for a time, which here is none: a loop around it lets others go first (spins.py).
    """
    target, address, of = i.operands[:3]
    at = pointer(t, i, address, "atomic")
    now = t.emit(f"lshr i64 {t.emit(f'load i64, ptr {at}')}, {PHASE}")
    if i.has("parity"):
        now = t.emit(f"and i64 {now}, 1")
        parity = t.read(of, "u32")
        then = t.emit(f"and i64 {t.emit(f'zext i32 {parity} to i64')}, 1")
    else:
        then = t.emit(f"lshr i64 {t.read(of, 'b64')}, {PHASE}")
    t.write(target, t.emit(f"icmp ne i64 {now}, {then}"), "pred")
