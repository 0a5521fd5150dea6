"""Who comes after whom: what threads of a block know of each other, brought up to date where they meet.

`known[t, u]` is the time of the last meeting of thread u that lies before what thread t does now. An access of u with
the stamp s comes before it if known[t, u] > s: u has met others since, and word of that has come to t. Where all
threads of a block meet, one time for all, FLOOR, says the same of everything before. Only lanes of a warp ever meet
without the others, unless the program has barriers for some of the threads, or fences, with which atomics let them
tell each other; so known is as wide as a warp or a block.
"""

import numba
import numpy as np

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.raw import load64, store64
from kernels.gpu.emulator.shadow import AT, LEFT_OUT, NO_SOURCE
from kernels.gpu.emulator.warp import ACTIVE, ELECT, MEMBERS, READY, SHUFFLE, WARP_SYNC

KNOWN, WIDTH, STAMPS, PENDING = AT["KNOWN"], AT["WIDTH"], AT["STAMPS"], AT["PENDING"]
NOW, BEGIN, FLOOR = AT["NOW"], AT["BEGIN"], AT["FLOOR"]
BLOCKS, BLOCK, BORN, FENCED, SYNC_COUNT = AT["BLOCKS"], AT["BLOCK"], AT["BORN"], AT["FENCED"], AT["SYNC_COUNT"]
SLICES, STARTS, OWNERS = AT["SLICES"], AT["STARTS"], AT["OWNERS"]
FOUND, THREAD, OTHER = AT["FOUND"], AT["THREAD"], AT["OTHER"]
TURNS, MOST_TURNS = AT["TURNS"], AT["MOST_TURNS"]

BARRIER, ARRIVE = 0, 1  # as in schedule.KINDS
BARRIERS = 16
DEPOSIT, RESULT, LANE, RESUME = layout.DEPOSIT // 4, layout.RESULT // 4, layout.LANE // 4, layout.RESUME // 4


@numba.njit(nogil=True, cache=True)
def tick(watch):
    """A new time."""
    now = load64(watch + NOW) + 1
    store64(watch + NOW, now)
    return now


@numba.njit(nogil=True, cache=True)
def begin_block(watch):
    """What an earlier block did in shared memory is forgotten, and of what others did this one knows nothing."""
    now, block, slices = tick(watch), load64(watch + BLOCKS) + 1, load64(watch + SLICES)
    store64(watch + BORN, now)
    store64(watch + BEGIN, now)
    store64(watch + FLOOR, now)
    store64(load64(watch + STARTS) + 8 * slices, now)
    store64(load64(watch + OWNERS) + 8 * slices, block)
    store64(watch + SLICES, slices + 1)
    store64(watch + BLOCKS, block)
    store64(watch + BLOCK, block)
    store64(watch + FENCED, 0)
    store64(watch + SYNC_COUNT, 0)


@numba.njit(nogil=True, cache=True)
def begin_turn(watch):
    """A thread goes on: it may take as many turns of loops as it likes, up to a limit."""
    store64(watch + TURNS, load64(watch + MOST_TURNS))


@numba.njit(nogil=True, cache=True)
def refuse(watch, code, thread, other):
    store64(watch + FOUND, code)
    store64(watch + THREAD, thread)
    store64(watch + OTHER, other)
    return True


@numba.njit(nogil=True, cache=True)
def leaves_itself_out(watch, threads, state, kinds, warp):
    """Whether a lane waits for lanes of which it is none itself: for what that does the manual promises nothing."""
    for t in warp:
        if state[t] > 0 and ACTIVE < kinds[state[t] - 1] <= ELECT:
            members = np.uint32(threads[t, DEPOSIT + MEMBERS[kinds[state[t] - 1]]])
            if not members >> np.uint32(threads[t, LANE]) & np.uint32(1):
                return refuse(watch, LEFT_OUT, t, np.int64(members))
    return False


@numba.njit(nogil=True, cache=True)
def met_in_warp(watch, threads, before, state, kinds, warp):
    """Lanes have gone on since `before`: learn from it. Whether one took the value of a lane that took no part."""
    for t in warp:
        if before[t] <= 0 or state[t] != READY:
            continue
        kind = kinds[before[t] - 1]
        if kind == SHUFFLE and threads[t, RESULT + 2]:
            return refuse(watch, NO_SOURCE, t, threads[t, RESULT + 2] - 1)
        if kind == WARP_SYNC:
            met(watch, threads, before, state, kinds, warp, t, WARP_SYNC, 0)
    return False


@numba.njit(nogil=True, cache=True)
def met(watch, threads, before, state, kinds, among, t, kind, pending):
    """All who have met with t tell each other what they know. They are marked as done in `before`.

    pending    address of a row of what others know who do not wait, or 0; it becomes empty
    """
    width, known = load64(watch + WIDTH), load64(watch + KNOWN)
    now, word = tick(watch), threads[t, DEPOSIT]
    members = np.zeros(threads.shape[0], np.bool_)
    everything = np.zeros(width, np.int64)
    for u in among:
        if before[u] > 0 and state[u] == READY and kinds[before[u] - 1] == kind and threads[u, DEPOSIT] == word:
            members[u] = True
            before[u] = 0
    for u in among:
        if members[u]:
            for j in range(width):
                everything[j] = max(everything[j], load64(known + 8 * (u * width + j)))
    for j in range(width if pending else 0):
        everything[j] = max(everything[j], load64(pending + 8 * j))
        store64(pending + 8 * j, 0)
    for u in among:
        if members[u]:
            everything[u % width] = now
    for u in among:
        if members[u]:
            for j in range(width):
                store64(known + 8 * (u * width + j), everything[j])
            store64(load64(watch + STAMPS) + 8 * u, now)


@numba.njit(nogil=True, cache=True)
def met_at_barriers(watch, threads, before, state, kinds):
    """The same of threads that have passed barriers, and of those that have announced themselves there."""
    width, known = load64(watch + WIDTH), load64(watch + KNOWN)
    everybody = np.arange(state.size)
    for t in everybody:
        if before[t] > 0 and state[t] == READY and kinds[before[t] - 1] == ARRIVE:
            now = tick(watch)
            row = load64(watch + PENDING) + 8 * width * (threads[t, DEPOSIT] & BARRIERS - 1)
            store64(known + 8 * (t * width + t), now)
            store64(load64(watch + STAMPS) + 8 * t, now)
            for j in range(width):
                store64(row + 8 * j, max(load64(row + 8 * j), load64(known + 8 * (t * width + j))))
    for t in everybody:
        if before[t] <= 0 or state[t] != READY or kinds[before[t] - 1] != BARRIER:
            continue
        if not threads[t, DEPOSIT + 1] or threads[t, DEPOSIT + 1] == state.size:
            store64(watch + FLOOR, tick(watch))
            return
        row = load64(watch + PENDING) + 8 * width * (threads[t, DEPOSIT] & BARRIERS - 1)
        met(watch, threads, before, state, kinds, everybody, t, BARRIER, row)


@numba.njit(nogil=True, cache=True)
def who_misses_barrier(threads, state, kinds):
    """A thread that waits for the whole block where some have ended, or wait at another barrier; -1 if none does."""
    waiter = -1
    for t in range(state.size):
        if state[t] <= 0 or kinds[state[t] - 1] != BARRIER or threads[t, DEPOSIT + 1]:
            if state[t] >= 0:
                return -1  # it may come yet
            continue
        if waiter < 0:
            waiter = t
    if waiter < 0:
        return -1
    for t in range(state.size):
        if state[t] != state[waiter]:
            return waiter
    return -1
