"""What lanes of a warp give each other when all that an instruction names have come: shuffles, votes and the like.

Semantics by the PTX ISA, 9.7.9.6 (shfl) and 9.7.13 (vote, match, redux, activemask, elect). A lane that has ended is
not waited for; a lane that is named by nobody goes its own way.
"""

import numba
import numpy as np

from kernels.gpu.emulator import layout
from kernels.gpu.emulator.warp_matrices import meet_for_matrices

ACTIVE, WARP_SYNC, SHUFFLE, VOTE, MATCH, REDUCE, ELECT, MATRIX = 4, 5, 6, 7, 8, 9, 10, 11
ALL = np.uint32(0xFFFFFFFF)
# Which word of its deposit says who takes part, by kind.
MEMBERS = np.array([0, 0, 0, 0, 0, 0, 3, 1, 2, 1, 0, 0])
DEPOSIT, RESULT, LANE = layout.DEPOSIT // 4, layout.RESULT // 4, layout.LANE // 4
READY = 0


@numba.njit(nogil=True, cache=True)
def meet_in_warp(threads, state, kinds, details, warp):
    """Let those go on who have all come; whether there were any."""
    alive = np.uint32(0)
    at = np.full(32, -1, np.int64)  # which thread is a lane
    for t in warp:
        lane = threads[t, LANE]
        at[lane] = t
        if state[t] >= 0:
            alive |= np.uint32(1) << np.uint32(lane)
    passed = False
    for t in warp:
        stop = state[t] - 1
        if stop < 0 or kinds[stop] < ACTIVE:
            continue
        if kinds[stop] == ACTIVE:
            passed |= answer_active(threads, state, at, stop)
            continue
        members = members_of(threads, t, kinds[stop])
        here = np.uint32(0)
        for lane in range(32):
            other = at[lane]
            if other >= 0 and state[other] > 0 and members >> np.uint32(lane) & np.uint32(1):
                stands = state[other] - 1
                same = kinds[stands] == kinds[stop] and details[stands] == details[stop]
                if same and members_of(threads, other, kinds[stop]) == members:
                    here |= np.uint32(1) << np.uint32(lane)
        if members & alive & ~here or (kinds[stop] == MATRIX and here != ALL):
            continue  # somebody has not come yet; without all lanes there is no matrix
        exchange(threads, kinds[stop], details[stop], at, here)
        for lane in range(32):
            if here >> np.uint32(lane) & np.uint32(1):
                state[at[lane]] = READY
        passed = True
    return passed


@numba.njit(nogil=True, cache=True)
def members_of(threads, t, kind):
    """Lanes that take part, the thread itself in any case."""
    if kind == MATRIX:
        return ALL
    own = np.uint32(1) << np.uint32(threads[t, LANE])
    return np.uint32(threads[t, DEPOSIT + MEMBERS[kind]]) | own


@numba.njit(nogil=True, cache=True)
def answer_active(threads, state, at, stop):
    """Lanes that wait at the same place, once no lane runs."""
    here = np.uint32(0)
    for lane in range(32):
        if at[lane] >= 0 and state[at[lane]] == stop + 1:
            here |= np.uint32(1) << np.uint32(lane)
    for lane in range(32):
        if here >> np.uint32(lane) & np.uint32(1):
            threads[at[lane], RESULT] = np.int32(here)
            state[at[lane]] = READY
    return True


@numba.njit(nogil=True, cache=True)
def exchange(threads, kind, detail, at, here):
    """Write what each lane gets."""
    if kind == SHUFFLE:
        for lane in range(32):
            if here >> np.uint32(lane) & np.uint32(1):
                shuffle(threads, detail, at, here, lane)
    elif kind == VOTE:
        vote(threads, detail, at, here)
    elif kind == MATCH:
        match(threads, detail, at, here)
    elif kind == REDUCE:
        reduce(threads, detail, at, here)
    elif kind == MATRIX:
        meet_for_matrices(threads, detail, at)
    elif kind == ELECT:
        first = 0
        while not here >> np.uint32(first) & np.uint32(1):
            first += 1
        for lane in range(32):
            if here >> np.uint32(lane) & np.uint32(1):
                threads[at[lane], RESULT] = first
                threads[at[lane], RESULT + 1] = lane == first


@numba.njit(nogil=True, cache=True)
def shuffle(threads, how, at, here, lane):
    t = at[lane]
    by = threads[t, DEPOSIT + 1] & 31
    clamp, segment = threads[t, DEPOSIT + 2] & 31, threads[t, DEPOSIT + 2] >> 8 & 31
    lowest = lane & segment
    limit = lowest | (clamp & ~segment)
    if how == 0:
        source = lane - by
        inside = source >= limit
    elif how == 1:
        source = lane + by
        inside = source <= limit
    elif how == 2:
        source = lane ^ by
        inside = source <= limit
    else:
        source = lowest | (by & ~segment)
        inside = source <= limit
    if not inside:
        source = lane
    threads[t, RESULT + 2] = 0
    if not here >> np.uint32(source) & np.uint32(1):
        threads[t, RESULT + 2] = source + 1  # of a lane that takes no part the manual promises nothing
        source = lane
    threads[t, RESULT] = threads[at[source], DEPOSIT]
    threads[t, RESULT + 1] = inside


@numba.njit(nogil=True, cache=True)
def vote(threads, how, at, here):
    ballot = np.uint32(0)
    for lane in range(32):
        if here >> np.uint32(lane) & np.uint32(1) and threads[at[lane], DEPOSIT]:
            ballot |= np.uint32(1) << np.uint32(lane)
    result = np.int32(ballot)
    if how == 0:
        result = np.int32(ballot == here)
    elif how == 1:
        result = np.int32(ballot != 0)
    elif how == 2:
        result = np.int32(ballot == here or ballot == 0)
    for lane in range(32):
        if here >> np.uint32(lane) & np.uint32(1):
            threads[at[lane], RESULT] = result


@numba.njit(nogil=True, cache=True)
def match(threads, is_all, at, here):
    for lane in range(32):
        if not here >> np.uint32(lane) & np.uint32(1):
            continue
        same = np.uint32(0)
        for other in range(32):
            if here >> np.uint32(other) & np.uint32(1):
                low = threads[at[lane], DEPOSIT] == threads[at[other], DEPOSIT]
                if low and threads[at[lane], DEPOSIT + 1] == threads[at[other], DEPOSIT + 1]:
                    same |= np.uint32(1) << np.uint32(other)
        if is_all:
            threads[at[lane], RESULT] = np.int32(here) if same == here else 0
            threads[at[lane], RESULT + 1] = same == here
        else:
            threads[at[lane], RESULT] = np.int32(same)


@numba.njit(nogil=True, cache=True)
def reduce(threads, detail, at, here):
    how, signed = detail & 7, detail >= 8
    total, started = np.int64(0), False
    for lane in range(32):
        if not here >> np.uint32(lane) & np.uint32(1):
            continue
        value = np.int64(threads[at[lane], DEPOSIT])
        if not signed:
            value &= np.int64(0xFFFFFFFF)
        if not started:
            total, started = value, True
        elif how == 0:
            total += value
        elif how == 1:
            total = min(total, value)
        elif how == 2:
            total = max(total, value)
        elif how == 3:
            total &= value
        elif how == 4:
            total |= value
        else:
            total ^= value
    for lane in range(32):
        if here >> np.uint32(lane) & np.uint32(1):
            threads[at[lane], RESULT] = np.int32(total)
