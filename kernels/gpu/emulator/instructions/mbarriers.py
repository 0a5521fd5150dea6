"""Barriers that are objects in shared memory (PTX ISA 9.7.13.15): threads arrive, and ask whether a phase is complete.

The 64 bits are opaque to programs. Here the lowest 20 count arrivals that a phase takes, the next 20 those that it
still waits for, the others phases. A state that `arrive` returns is the object before. Threads of a block never run at
the same time, so nothing need be atomic.
"""

from kernels.gpu.emulator.instructions.forms import form
from kernels.gpu.emulator.instructions.memory import space_of

COUNT = (1 << 20) - 1
PENDING, PHASE = 20, 40  # where they begin, in bits
SPACE, SCOPE = "{.shared|shared::cta}", ".cta|cluster"


def forms():
    yield f".init{SPACE}.b64 [a], b:u32"
    yield f".inval{SPACE}.b64 [a]"
    yield ".pending_count.b64 d:u32, a:u64"
    yield f".arrive|arrive_drop.noComplete{SPACE}.b64 d:u64_, [a], b:u32"
    yield f".arrive|arrive_drop.release.cta.noComplete{SPACE}.b64 d:u64_, [a], b:u32"
    for order in ("", f".release|relaxed{SCOPE}"):
        yield f".arrive|arrive_drop{order}{SPACE}.b64 d:u64_, [a], b:u32?"
    for order in ("", f".acquire|relaxed{SCOPE}"):
        yield f".test_wait{order}{SPACE}.b64 d:pred, [a], b:u64"
        yield f".test_wait.parity{order}{SPACE}.b64 d:pred, [a], b:u32"
        yield f".try_wait{order}{SPACE}.b64 d:pred, [a], b:u64, c:u32?"
        yield f".try_wait.parity{order}{SPACE}.b64 d:pred, [a], b:u32, c:u32?"


@form("mbarrier", *forms())
def mbarrier(t, i):
    kind = i.modifiers[0]
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
