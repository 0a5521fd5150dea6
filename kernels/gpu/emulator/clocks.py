"""What blocks know of each other in checked mode, where they tell it by fences and atomics or meet in the whole grid.

A block is parked where it waits for others, so it runs in slices of time; a table says whose each slice was. Each block
has a vector clock: of every other block the time before which all that one did comes before what this one does now. So
has each address that atomics touch. An atomic that reads joins the clock of its address to that of the block; one that
writes joins the clock of the block to that of the address, if the block has executed a fence: as it was at the last.
Sources: Lamport (1978), Time, clocks; Mattern (1989), Virtual time; Flanagan and Freund (2009), FastTrack.

Addresses share clocks where there are more than slots: then a race may be missed, none is made up.
"""

import numba

from kernels.gpu.emulator.order import tick
from kernels.gpu.emulator.raw import load64, store64
from kernels.gpu.emulator.shadow import AT, ATOMIC_BIT, TIME_BITS, TIME_SHIFT

BLOCK, BLOCKS, BORN, BEGIN = AT["BLOCK"], AT["BLOCKS"], AT["BORN"], AT["BEGIN"]
SLICES, STARTS, OWNERS = AT["SLICES"], AT["STARTS"], AT["OWNERS"]
NOW, FLOOR, GRID, STAMPS, FENCES, FENCED = AT["NOW"], AT["FLOOR"], AT["GRID"], AT["STAMPS"], AT["FENCES"], AT["FENCED"]
CLOCKS, CLOCK_SLOTS, CLOCK_WIDTH = AT["CLOCKS"], AT["CLOCK_SLOTS"], AT["CLOCK_WIDTH"]
TOLD_BY, TOLD_AT, SEEN, LEARNT, JOINED = AT["TOLD_BY"], AT["TOLD_AT"], AT["SEEN"], AT["LEARNT"], AT["JOINED"]
TIMES = (1 << TIME_BITS) - 1


@numba.njit(nogil=True, cache=True)
def begin_slice(watch, threads):
    """The block that runs goes on: what its threads do from now on has a time of this slice."""
    now, slices, stamps = tick(watch), load64(watch + SLICES), load64(watch + STAMPS)
    store64(load64(watch + STARTS) + 8 * slices, now)
    store64(load64(watch + OWNERS) + 8 * slices, load64(watch + BLOCK))
    store64(watch + SLICES, slices + 1)
    store64(watch + BEGIN, now)
    store64(watch + FLOOR, max(load64(watch + FLOOR), load64(watch + GRID)))
    for t in range(threads):
        store64(stamps + 8 * t, now)


@numba.njit(nogil=True, cache=True)
def met_in_grid(watch):
    """All that was done comes before all that will be."""
    store64(watch + GRID, tick(watch))


@numba.njit(nogil=True, cache=True)
def owner_of(watch, stamp):
    """Whose slice of time a stamp lies in: the number of a block, from 1 on as they began."""
    starts, low, high = load64(watch + STARTS), 0, load64(watch + SLICES)
    while high - low > 1:
        middle = (low + high) // 2
        if load64(starts + 8 * middle) <= stamp:
            low = middle
        else:
            high = middle
    return load64(load64(watch + OWNERS) + 8 * low)


@numba.njit(nogil=True, cache=True)
def is_own(watch, earlier, shared):
    """Whether an access of a slot is of the block that runs."""
    stamp = earlier >> TIME_SHIFT & TIMES
    if stamp >= load64(watch + BEGIN):
        return True
    if stamp < load64(watch + BORN):
        return False
    return shared or owner_of(watch, stamp) == load64(watch + BLOCK)


@numba.njit(nogil=True, cache=True)
def slot_of(watch, offset):
    return (offset >> 2 ^ offset >> 12) & load64(watch + CLOCK_SLOTS) - 1


@numba.njit(nogil=True, cache=True)
def tell_blocks(watch, offset, reads, writes):
    """An atomic: by its address the block learns what others have told, and tells what came before its last fence."""
    slot, block, count = slot_of(watch, offset), load64(watch + BLOCK), load64(watch + BLOCKS)
    clock, seen = load64(watch + CLOCKS) + 8 * slot * load64(watch + CLOCK_WIDTH), load64(watch + SEEN)
    told_by, told_at = load64(watch + TOLD_BY) + 8 * slot, load64(watch + TOLD_AT) + 8 * slot
    learnt = load64(watch + LEARNT) + 8 * slot
    if reads:
        if load64(told_by) != block and load64(told_at) > load64(learnt) and join(seen, clock, count):
            store64(watch + JOINED, tick(watch))
        store64(learnt, load64(watch + NOW))
    if writes and load64(watch + FENCED):
        if load64(told_by) != block or load64(watch + JOINED) > load64(told_at):
            join(clock, seen, count)
        store64(clock + 8 * (block - 1), load64(watch + FENCED))
        store64(told_by, block)
        store64(told_at, load64(watch + NOW))


@numba.njit(nogil=True, cache=True)
def join(clock, other, count):
    """Raise the times of a clock to those of another; whether any was lower."""
    is_new = False
    for block in range(count):
        time = load64(other + 8 * block)
        if time > load64(clock + 8 * block):
            store64(clock + 8 * block, time)
            is_new = True
    return is_new


@numba.njit(nogil=True, cache=True)
def forget(watch):
    """A block begins, which knows nothing of the others."""
    store64(watch + JOINED, 0)
    if load64(watch + FENCES):
        for block in range(load64(watch + BLOCKS)):
            store64(load64(watch + SEEN) + 8 * block, 0)
        for slot in range(load64(watch + CLOCK_SLOTS)):
            store64(load64(watch + LEARNT) + 8 * slot, 0)


@numba.njit(nogil=True, cache=True)
def told(watch, earlier, offset):
    """Whether an access of another block comes before what this one does now at an offset.

    Atomics at the same address that this block's last one followed do as well, if their block has told of itself.
    """
    stamp = earlier >> TIME_SHIFT & TIMES
    if stamp < load64(watch + GRID):
        return True
    if not load64(watch + FENCES):
        return False
    known = load64(load64(watch + SEEN) + 8 * (owner_of(watch, stamp) - 1))
    if stamp < known:
        return True
    learnt = load64(load64(watch + LEARNT) + 8 * slot_of(watch, offset))
    return known > 0 and earlier & ATOMIC_BIT != 0 and learnt > stamp
