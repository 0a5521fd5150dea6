"""The function that compiled code asks before each access to memory in checked mode: it refuses or remembers it.

It finds what lies at the address, whether it is all there, aligned and written, and whether an access that it is in no
order with has touched the same cell. Source of the last: Flanagan and Freund (2009), FastTrack, which remembers of each
variable the last write and the reads that came in no order with each other; here two of these are kept, so of three
such reads one may be forgotten. What was found is left in the record (shadow.py), and findings.py puts it into words.
"""

from functools import cache

import numba
import numpy as np

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.clocks import is_own, tell_blocks, told
from kernels.gpu.emulator.order import tick
from kernels.gpu.emulator.raw import address_of, load8, load32, load64, store8, store32, store64
from kernels.gpu.emulator.shadow import (
    AT,
    ATOMIC,
    ATOMIC_BIT,
    CHANGED,
    ENDLESS,
    FENCE,
    FIRST,
    FOREIGN,
    GENERIC,
    GLOBAL,
    HELD_SHIFT,
    KIND_BITS,
    LOCAL,
    MISALIGNED,
    MOST_SYNCS,
    ORDERING,
    OUTSIDE,
    PAGE_SHIFT,
    RACE,
    READ,
    SEALED_REGION,
    SECOND,
    SETS,
    SHARED,
    SITE_BITS,
    SLOTS,
    SPACE_BITS,
    SPACE_SHIFT,
    STRONG_READ,
    THREAD_BITS,
    TIME_BITS,
    TIME_SHIFT,
    TOO_EARLY,
    TURN,
    UNDER_WAY,
    UNWRITTEN,
    WRITE,
)

(FOUND, ADDRESS, ACCESS, THREAD, OTHER, KINDS, COPIES, ARENA, EXTENT, STATICS, STATICS_BYTES, SHARED_FIRST,
 SHARED_BYTES, PAGES, REGIONS, SEALED, PARTLY, WRITTEN, CELL_SHIFT, CELLS, LOCAL_AT, LOCAL_BYTES, LOCAL_CELLS,
 LOCAL_TIMES, THREADS, THREADS_BYTES, STRIDE, NOW, BEGIN, FLOOR, STAMPS, KNOWN, WIDTH, PENDING, BLOCKS, BLOCK, BORN,
 SLICES, STARTS, OWNERS, GRID, FENCES, FENCED, CLOCKS, CLOCK_SLOTS, CLOCK_WIDTH, TOLD_BY, TOLD_AT, SEEN, LEARNT,
 JOINED, SYNCS, SYNC_ROWS, SYNC_COUNT, TURNS, MOST_TURNS) = AT.values()  # fmt: skip
TIMES, THREADS_MASK, SITES = (1 << TIME_BITS) - 1, (1 << THREAD_BITS) - 1, (1 << SITE_BITS) - 1


@cache
def compiled_touch():
    """`touch` in machine code, compiled at its first use; its `address` is what layout.TOUCH points to."""
    return numba.cfunc("int32(voidptr, voidptr, int64, int32, int32)", cache=True)(touch)


def touch(thread, block, address, size, number):
    """Whether an access is refused: 0 to go on."""
    watch = load64(address_of(block) + layout.WATCH)
    record = address_of(thread)
    what = load32(load64(watch + KINDS) + 4 * number)
    kind, space = what & KIND_BITS, what >> SPACE_SHIFT & SPACE_BITS
    t = load32(record + layout.LINEAR)
    if kind >= FENCE:
        return announced(watch, kind, address, number, t)
    place = what >> HELD_SHIFT
    offset, extent = address - load64(watch + ARENA), load64(watch + EXTENT)
    if np.uint64(offset) >= np.uint64(extent):
        static = address - load64(watch + STATICS)
        if np.uint64(static) >= np.uint64(load64(watch + STATICS_BYTES)):
            if place:
                return refused(watch, OUTSIDE, address, number, t, 0)
            sets = kind == WRITE or what & SETS
            return touch_local(watch, record, sets, space, address, size, number, t)
        offset = extent + static
    if not place:
        place = load32(load64(watch + PAGES) + 4 * (offset >> PAGE_SHIFT))
    region = load64(watch + REGIONS) + 16 * place
    shared = np.uint64(offset - load64(watch + SHARED_FIRST)) < np.uint64(load64(watch + SHARED_BYTES))
    if offset < load64(region) or offset + size > load64(region + 8) or (space != GENERIC and not fits(space, shared)):
        return refused(watch, OUTSIDE, address, number, t, 0)
    if address & (size - 1) and not size & (size - 1):  # a copy may take any number of bytes
        return refused(watch, MISALIGNED, address, number, t, 0)
    if kind in (WRITE, ATOMIC) and load8(load64(watch + SEALED) + place):
        return refused(watch, SEALED_REGION, address, number, t, 0)
    if load8(load64(watch + PARTLY) + place) and not shared:
        cells = load64(watch + WRITTEN) + offset
        if kind == WRITE or what & SETS:
            note_written(cells, size)
        elif not is_written(cells, size):
            return refused(watch, UNWRITTEN, address, number, t, 0)
    time = max(load64(load64(watch + STAMPS) + 8 * t), load64(watch + FLOOR))
    code = time << TIME_SHIFT | t << SITE_BITS | number
    if kind >= STRONG_READ and load64(watch + FENCES):
        if what & ORDERING:
            fence(watch, t)
        tell_threads(watch, address, t)
        if not shared:
            tell_blocks(watch, offset, not what & SETS, kind == ATOMIC)
    shift = load64(watch + CELL_SHIFT)
    slots = load64(watch + CELLS) + 8 * SLOTS * (offset >> shift)
    end = slots + 8 * SLOTS * ((size + (1 << shift) - 1) >> shift)
    asks = shared and kind != WRITE and not what & SETS
    copies = load64(watch + COPIES) if asks else 0
    return visit_cells(watch, slots, end, code, kind, shared, asks, copies, address, offset, number, t)


@numba.njit(nogil=True, cache=True, inline="always")
def visit_cells(watch, slots, end, code, kind, shared, asks, copies, address, offset, number, t):
    """Look at each cell of an access; the common cases of `visit` are here, for speed."""
    begin = load64(watch + (BORN if shared else BEGIN)) << TIME_SHIFT
    floor = max(load64(watch + FLOOR) << TIME_SHIFT, begin)
    past = 0 if shared else begin  # what lies between this and the floor came before the block's last barrier
    met = load64(watch + NOW) << TIME_SHIFT > floor  # whether anybody has met since
    while slots < end:
        changed = load64(slots + CHANGED)
        if asks and changed & ATOMIC_BIT - 1 < begin:
            return refused(watch, UNWRITTEN, address, number, t, 0)
        if copies and load32(copies + 4 * (changed & SITES)) & UNDER_WAY:
            return refused(watch, TOO_EARLY, address, number, t, changed)
        if kind <= WRITE and is_past(changed, past, floor, t):
            first = load64(slots + FIRST)
            if kind == READ:
                if is_past(first, past, floor, t):
                    store64(slots + FIRST, code)
                    slots += 8 * SLOTS
                    continue
                if not met:
                    store64(slots + SECOND, code)
                    slots += 8 * SLOTS
                    continue
            elif is_past(first, past, floor, t) and is_past(load64(slots + SECOND), past, floor, t):
                store64(slots + CHANGED, code)
                store64(slots + FIRST, 0)
                store64(slots + SECOND, 0)
                slots += 8 * SLOTS
                continue
        other = visit(watch, slots, code, kind, shared, offset)
        if other:
            return refused(watch, RACE, address, number, t, other)
        slots += 8 * SLOTS
    return 0


@numba.njit(nogil=True, cache=True, inline="always")
def is_past(earlier, past, floor, t):
    """Whether a slot is empty, or an access that was not atomic lies before the last barrier or is the thread's own."""
    if earlier == 0 or past <= earlier < floor:
        return True
    return floor <= earlier < ATOMIC_BIT and earlier >> SITE_BITS & THREADS_MASK == t


@numba.njit(nogil=True, cache=True)
def note_written(cells, size):
    for each in range(cells, cells + size):
        store8(each, 1)


@numba.njit(nogil=True, cache=True)
def is_written(cells, size):
    for each in range(cells, cells + size):  # noqa: SIM110  (Numba has no all)
        if not load8(each):
            return False
    return True


@numba.njit(nogil=True, cache=True, inline="always")
def fits(space, shared):
    return shared if space == SHARED else space == GLOBAL and not shared


@numba.njit(nogil=True, cache=True)
def refused(watch, code, address, number, thread, other):
    store64(watch + FOUND, code)
    store64(watch + ADDRESS, address)
    store64(watch + ACCESS, number)
    store64(watch + THREAD, thread)
    store64(watch + OTHER, other)
    return 1


@numba.njit(nogil=True, cache=True)
def announced(watch, kind, address, number, t):
    """No access, but a fence, or the end of a turn of a loop."""
    if kind == FENCE:
        fence(watch, t)
    elif kind == TURN:
        left = load64(watch + TURNS) - 1
        store64(watch + TURNS, left)
        if left < 0:
            return refused(watch, ENDLESS, address, number, t, 0)
    return 0


@numba.njit(nogil=True, cache=True)
def touch_local(watch, record, sets, space, address, size, number, t):
    """Of local memory each thread has its own; when a cell was written is remembered by block."""
    offset = address - record - load64(watch + LOCAL_AT)
    if not 0 <= offset <= load64(watch + LOCAL_BYTES) - size or space in (GLOBAL, SHARED):
        among = address - load64(watch + THREADS)
        foreign = space != LOCAL and 0 <= among < load64(watch + THREADS_BYTES)
        if foreign:
            foreign = among // load64(watch + STRIDE) != t
        return refused(watch, FOREIGN if foreign else OUTSIDE, address, number, t, 0)
    if address & (size - 1) and not size & (size - 1):  # a copy may take any number of bytes
        return refused(watch, MISALIGNED, address, number, t, 0)
    shift = load64(watch + CELL_SHIFT)
    cell = load64(watch + LOCAL_TIMES) + 4 * (t * load64(watch + LOCAL_CELLS) + (offset >> shift))
    end = cell + 4 * (size >> shift)
    now = load64(watch + BLOCK)
    while cell < end:
        if sets:
            store32(cell, now)
        elif load32(cell) != now:
            return refused(watch, UNWRITTEN, address, number, t, 0)
        cell += 4
    return 0


@numba.njit(nogil=True, cache=True)
def visit(watch, slots, code, kind, shared, offset):
    """Compare an access with those that a cell remembers, and remember it. One that it races with, or 0."""
    changed, first = load64(slots + CHANGED), load64(slots + FIRST)
    if kind == READ:
        if changed and not before(watch, changed, code, shared, offset):
            return changed
        if not first or before(watch, first, code, shared, offset):
            store64(slots + FIRST, code)
            return 0
        second = load64(slots + SECOND)
        if (first | second) & ATOMIC_BIT:
            for each in (first, second):
                if each & ATOMIC_BIT and not before(watch, each, code, shared, offset):
                    return each
        store64(slots + SECOND, code)
        return 0
    if kind == STRONG_READ:
        races = changed and not changed & ATOMIC_BIT and not before(watch, changed, code, shared, offset)
        return changed if races else 0
    second = load64(slots + SECOND)
    if kind == WRITE:
        for each in (changed, first, second):
            if each and not before(watch, each, code, shared, offset):
                return each
        store64(slots + CHANGED, code)
        store64(slots + FIRST, 0)
        store64(slots + SECOND, 0)
        return 0
    for each in (changed, first, second):
        if each and not each & ATOMIC_BIT and not before(watch, each, code, shared, offset):
            return each
    if changed & ATOMIC_BIT and not follows(watch, changed, code, shared):
        store64(slots + (SECOND if first and not follows(watch, first, code, shared) else FIRST), changed)
    store64(slots + CHANGED, code | ATOMIC_BIT)
    return 0


@numba.njit(nogil=True, cache=True)
def before(watch, earlier, code, shared, offset):
    """Whether an access of a slot lies before this one, in whatever order threads and blocks run."""
    if is_own(watch, earlier, shared):
        return follows(watch, earlier, code, shared)
    return shared or told(watch, earlier, offset)  # shared memory: an earlier block, whose memory it was not


@numba.njit(nogil=True, cache=True)
def follows(watch, earlier, code, shared):
    """Whether an access of this block lies before this one; False for those of other blocks."""
    stamp = earlier >> TIME_SHIFT & TIMES
    if not is_own(watch, earlier, shared):
        return False
    t, u = code >> SITE_BITS & THREADS_MASK, earlier >> SITE_BITS & THREADS_MASK
    if t == u or stamp < load64(watch + FLOOR):
        return True
    width = load64(watch + WIDTH)
    if width == 32:
        if t >> 5 != u >> 5:
            return False
        u &= 31
    return load64(load64(watch + KNOWN) + 8 * (t * width + u)) > stamp


@numba.njit(nogil=True, cache=True)
def fence(watch, t):
    """What the block did so far may be told to others."""
    now = tick(watch)
    store64(load64(watch + STAMPS) + 8 * t, now)
    store64(watch + FENCED, now)


@numba.njit(nogil=True, cache=True)
def tell_threads(watch, address, t):
    """An atomic: by it the thread learns what others of its block told by this address, and tells what it knows."""
    count, width, place = load64(watch + SYNC_COUNT), load64(watch + WIDTH), -1
    syncs, own = load64(watch + SYNCS), load64(watch + KNOWN) + 8 * t * width
    for k in range(min(count, MOST_SYNCS)):
        if load64(syncs + 8 * k) == address:
            place = k
    is_new = place < 0
    if is_new:
        place = count % MOST_SYNCS
        store64(syncs + 8 * place, address)
        store64(watch + SYNC_COUNT, count + 1)
    row, tells = load64(watch + SYNC_ROWS) + 8 * width * place, load64(watch + FENCED) > 0
    if tells:
        now = tick(watch)
        store64(load64(watch + STAMPS) + 8 * t, now)
        store64(own + 8 * t, now)
    for j in range(width):
        known = max(load64(own + 8 * j), 0 if is_new else load64(row + 8 * j))
        store64(own + 8 * j, known)
        store64(row + 8 * j, known if tells else 0 if is_new else load64(row + 8 * j))
