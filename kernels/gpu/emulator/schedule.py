"""The scheduler: runs the threads of a block to where they wait, lets those go on whose wait is over, until all end.

Warps take turns, in a warp the lanes; each runs until it waits or ends. So the order of all that happens is fixed, or,
with a seed, another one that is fixed as well. Compiled by Numba, without Python's lock: blocks run on all cores.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from kernels.gpu.emulator import clocks, layout, order
from kernels.gpu.emulator.warp import meet_in_warp

# States of a thread; a positive one is the number of the stop where it waits.
READY = 0
OVER = -1

# Kinds of stops, as numbers.
KINDS = ("barrier", "arrive", "yield", "grid", "active", "warp sync", "shuffle", "vote", "match", "reduce", "elect",
         "matrix", "lost")  # fmt: skip
BARRIER, ARRIVE, YIELD, GRID, ACTIVE, WARP = (
    0,
    1,
    2,
    3,
    4,
    5,
)  # from WARP on lanes of a warp wait for each other; who is lost waits for nobody

# How a run of a block ends: what `failure` says then is (code, block, thread, state of the thread).
DONE, FAULT, TRAP, STUCK, MISSED, ENDLESS, PARKED, LOOPING, MET, LOST, DEEP = range(11)
ENDS = (DONE, FAULT, TRAP, LOST, DEEP)  # by what a thread returns, negated

BARRIERS = 16
WORDS = {name: getattr(layout, name) // 4 for name in ("RESUME", "TID", "LANE", "WARP", "LINEAR", "DEPOSIT", "RESULT")}
AT_RESUME, AT_TID, AT_LANE, AT_WARP, AT_LINEAR, AT_DEPOSIT, AT_RESULT = WORDS.values()
AT_NTID, AT_CTAID, AT_NCTAID = layout.NTID // 4, layout.CTAID // 4, layout.NCTAID // 4


@intrinsic
def call_step(typing, step, thread, block):
    """Call the machine code at an address with two pointers; returns its i32."""

    def generate(context, builder, signature, arguments):
        pointer = cgutils.voidptr_t
        function = ir.FunctionType(ir.IntType(32), (pointer, pointer))
        at, *given = arguments
        callee = builder.inttoptr(at, function.as_pointer())
        return builder.call(callee, [builder.inttoptr(value, pointer) for value in given])

    return types.int32(types.int64, types.int64, types.int64), generate


@numba.njit(nogil=True, cache=True)
def run_blocks(step, first, last, blocks, threads, block, shared, local, kinds, details, lanes, strict,
               state, arrived, patience, failure):  # fmt: skip
    """Run blocks[first:last]. Returns DONE, or how it failed, which `failure` explains.

    A block whose threads wait for memory that somebody writes for longer than `patience` is PARKED: run_block goes on
    with it, in the memory that it has been given here. The same of one that has MET: all its threads wait for the grid.

    blocks     int64: linear numbers of blocks in the order in which they run
    threads    int32 (threads of a block, words of a record)
    block      int32: the record of the block; its pointers and sizes are set
    shared     uint8: the block's shared memory
    local      (first word, last word) of a thread's local memory in its record
    lanes      int64: threads in the order in which they run, warp by warp
    strict     address of what checked mode remembers (shadow.py), or 0
    state      int32 (threads): of each thread, see above
    arrived    int32 (BARRIERS + 1): at each barrier, of those who do not wait there; last, barriers passed so far
    patience   int64 (3,): turns after which a block is parked, when in none of them a thread ended or passed a
               barrier, and in any case; barriers that a block, and meetings that a warp between them, may pass: beyond
               it is LOOPING
    """
    for n in range(first, last):
        number = blocks[n]
        block[AT_CTAID] = number % block[AT_NCTAID]
        block[AT_CTAID + 1] = number // block[AT_NCTAID] % block[AT_NCTAID + 1]
        block[AT_CTAID + 2] = number // (block[AT_NCTAID] * block[AT_NCTAID + 1])
        shared[:] = 0xFF  # nobody's: NaN as a float, -1 as an integer
        threads[:, local[0] : local[1]] = -1
        threads[:, AT_RESUME] = 0
        state[:], arrived[:] = READY, 0
        if strict:
            order.begin_block(strict)
            clocks.forget(strict)
        code = run_block(step, threads, block, kinds, details, lanes, strict, state, arrived, patience, failure)
        if code != DONE:
            failure[0], failure[1] = code, number
            return code
    return DONE


@numba.njit(nogil=True, cache=True)
def run_block(step, threads, block, kinds, details, lanes, strict, state, arrived, patience, failure):
    """Run a block from where it is. Returns DONE, or why it has not ended."""
    count, stride = threads.shape[0], threads.strides[0]
    base, block_at = threads.ctypes.data, block.ctypes.data
    left, turns, idle = np.sum(state != OVER), 0, 0
    waited = np.zeros(count, np.int32)
    while left:
        before = left
        if idle > patience[0] or turns > patience[1]:
            failure[2], failure[3] = first_waiting(state), threads[first_waiting(state), AT_RESUME]
            return PARKED
        turns += 1
        moved = False
        for w in range(0, count, 32):
            warp = lanes[w : w + 32]
            running, meetings = True, 0
            while running:
                running = False
                for t in warp:
                    if state[t] != READY:
                        continue
                    running = moved = True
                    if strict:
                        order.begin_turn(strict)
                    code = call_step(step, base + t * stride, block_at)
                    state[t] = code if code > 0 else OVER
                    left -= code <= 0
                    if code < 0:
                        failure[2], failure[3] = t, threads[t, AT_RESUME]
                        return ENDS[-code]
                if strict:
                    waited[:] = state
                    if order.leaves_itself_out(strict, threads, state, kinds, warp):
                        return FAULT
                met = meet_in_warp(threads, state, kinds, details, warp)
                running, meetings = running or met, meetings + met
                if meetings > patience[2]:
                    return looping(threads, state, warp, failure)
                if strict and order.met_in_warp(strict, threads, waited, state, kinds, warp):
                    return FAULT
        if strict:
            waited[:] = state
            waiter = order.who_misses_barrier(threads, state, kinds)
            if waiter >= 0:
                failure[2], failure[3] = waiter, state[waiter]
                return MISSED
        if meet_at_barriers(threads, state, kinds, details, arrived, left):
            arrived[BARRIERS] += 1
            idle = 0
            if strict:
                order.met_at_barriers(strict, threads, waited, state, kinds)
            if arrived[BARRIERS] > patience[2]:
                return looping(threads, state, lanes, failure)
            continue
        waiting = resume_yielding(state, kinds)
        if left and not waiting and not moved:
            return nobody_goes_on(state, kinds, failure)
        idle = idle + 1 if waiting and left == before else 0
    return DONE


@numba.njit(nogil=True, cache=True)
def first_waiting(state):
    for t in range(state.size):
        if state[t] != OVER:
            return t
    return 0


@numba.njit(nogil=True, cache=True)
def nobody_goes_on(state, kinds, failure):
    """Whether all threads of the block that have not ended have MET to wait for the grid; else it is STUCK.

    The first thread is the one that tells other blocks, so it must be there; others may have returned before.
    """
    failure[2], failure[3] = first_waiting(state), state[first_waiting(state)]
    for t in range(state.size):
        if t > 0 and state[t] == OVER:
            continue
        if state[t] <= 0 or kinds[state[t] - 1] != GRID:
            return STUCK
    return MET


@numba.njit(nogil=True, cache=True)
def looping(threads, state, among, failure):
    """Say which thread may go on, and from where."""
    for t in among[::-1]:
        if state[t] == READY:
            failure[2], failure[3] = t, threads[t, AT_RESUME]
    return LOOPING


@numba.njit(nogil=True, cache=True)
def resume_yielding(state, kinds):
    """Make those ready who only let others go first; whether there were any."""
    found = False
    for t in range(state.size):
        if state[t] > 0 and kinds[state[t] - 1] == YIELD:
            state[t] = READY
            found = True
    return found


@numba.njit(nogil=True, cache=True)
def meet_at_barriers(threads, state, kinds, details, arrived, left):
    """Let threads pass each barrier that is complete; whether there was one, or somebody who only announces itself.

    A barrier without a number of threads is for all that have not ended.
    """
    waiting = np.zeros(BARRIERS, np.int32)
    wanted = np.zeros(BARRIERS, np.int32)
    voted = np.zeros(BARRIERS, np.int32)
    passed = False
    for t in range(state.size):
        if state[t] <= 0:
            continue
        kind = kinds[state[t] - 1]
        if kind > ARRIVE:
            continue
        number = threads[t, AT_DEPOSIT] & BARRIERS - 1
        if threads[t, AT_DEPOSIT + 1]:
            wanted[number] = threads[t, AT_DEPOSIT + 1]
        if kind == ARRIVE:
            arrived[number] += 1
            state[t] = READY
            passed = True
        else:
            waiting[number] += 1
            voted[number] += threads[t, AT_DEPOSIT + 2] != 0
    for t in range(state.size):
        if state[t] <= 0 or kinds[state[t] - 1] != BARRIER:
            continue
        number = threads[t, AT_DEPOSIT] & BARRIERS - 1
        need = wanted[number] if wanted[number] else left
        if waiting[number] + arrived[number] < need:
            continue
        detail = details[state[t] - 1]
        if detail == 1:
            threads[t, AT_RESULT] = voted[number]
        elif detail == 2:
            threads[t, AT_RESULT] = voted[number] == waiting[number]
        elif detail == 3:
            threads[t, AT_RESULT] = voted[number] > 0
        state[t] = READY
        passed = True
    for number in range(BARRIERS):
        need = wanted[number] if wanted[number] else left
        if wanted[number] + waiting[number] and waiting[number] + arrived[number] >= need:
            arrived[number] = max(waiting[number] + arrived[number] - need, 0)  # what is too many is of the next time
    return passed
