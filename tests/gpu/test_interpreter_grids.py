"""Barriers of a whole grid, `cuda.cg.this_grid().sync()`: who waits for whom, and what they order."""

import numpy as np
import pytest
from numba.cuda import cg

from kernels.gpu import cuda, device, float32, kernel
from kernels.gpu.interpreter import BarrierDivergence, DataRace, EndlessLoop
from kernels.gpu.tracing import trace
from tests.gpu.test_interpreter_refusals import refused

BOTH = pytest.mark.parametrize("checked", [False, True], ids=["fast", "checked"])


@kernel
def turns_round(x, y, *, SYNC=True):
    """Each thread writes x, and reads what another block has written there."""
    i = cuda.grid(1)
    grid = cuda.cg.this_grid()
    x[i] = i  # fault
    if SYNC:
        grid.sync()
    y[i] = x[x.size - 1 - i]


@BOTH
def test_all_that_lies_before_comes_before_all_that_lies_behind(checked):
    x, y = np.zeros(12), np.zeros(12)
    for seed in (None, 1, 2):
        turns_round[4, 3](x, y).interpret(checked, seed=seed)
        assert list(y) == list(range(12))[::-1]


def test_without_it_blocks_run_in_any_order():
    launch = turns_round(SYNC=False)[4, 3](np.zeros(12), np.zeros(12))
    message = refused(launch, DataRace, block=(2, 0, 0), thread=(0, 0, 0), array="x", index=6)
    assert "blocks run in any order" in message


@kernel
def each_row_from_the_last(a):
    """Row by row, each thread reads what the thread opposite has written in the row before."""
    i, grid = cuda.grid(1), cuda.cg.this_grid()
    for row in range(1, a.shape[0]):
        a[row, i] = a[row - 1, a.shape[1] - 1 - i] + 1
        grid.sync()


@BOTH
def test_a_loop_may_meet_on_each_turn(checked):
    a = np.zeros((9, 8), np.int32)
    a[0] = np.arange(8)
    expected = a.copy()
    for row in range(1, 9):
        expected[row] = expected[row - 1, ::-1] + 1
    each_row_from_the_last[4, 2](a).interpret(checked)
    assert np.array_equal(a, expected)


@kernel
def races_behind(y):
    cuda.cg.this_grid().sync()
    y[0] = cuda.blockIdx.x  # fault


@kernel
def writes_twice(y):
    if cuda.blockIdx.x == 0:
        y[0] = 1
    cuda.cg.this_grid().sync()
    if cuda.blockIdx.x == 1:
        y[0] = 2
    cuda.cg.this_grid().sync()
    if cuda.blockIdx.x == 2:
        y[0] += 3


def test_races_before_and_behind_are_found_and_none_across():
    refused(races_behind[2, 1](np.zeros(1)), DataRace, block=(1, 0, 0), thread=(0, 0, 0), array="y", index=0)
    y = np.zeros(1)
    writes_twice[3, 1](y).interpret()
    assert y[0] == 5


@kernel
def sums_with_fences(x, partial, total, tickets):
    i = cuda.grid(1)
    cuda.atomic.add(partial, cuda.blockIdx.x, x[i])
    cuda.threadfence()
    cuda.atomic.add(tickets, 0, 1)
    cuda.cg.this_grid().sync()
    if i == 0:
        for b in range(partial.size):
            total[0] += partial[b]
        tickets[0] = 0


@BOTH
def test_what_fences_and_atomics_did_before_comes_before_as_well(checked):
    x, total = np.arange(12, dtype=np.float32), np.zeros(1, np.float32)
    sums_with_fences[3, 4](x, np.zeros(3, np.float32), total, np.ones(1, np.int32)).interpret(checked)
    assert total[0] == x.sum()


@device
def everybody():
    cg.this_grid().sync()


@kernel
def keeps_shared(x, y):
    """Shared memory stays what it was, block by block, while all wait."""
    mine = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    mine[i] = x[cuda.grid(1)]
    everybody()
    total = mine[3 - i]
    cuda.syncthreads()
    everybody()
    y[cuda.grid(1)] = total


@BOTH
def test_blocks_keep_their_shared_memory(checked):
    x, y = np.arange(12, dtype=np.float32), np.zeros(12, np.float32)
    keeps_shared[3, 4](x, y).interpret(checked)
    assert np.array_equal(y, x.reshape(3, 4)[:, ::-1].ravel())


@kernel
def leaves_block(y):
    if cuda.blockIdx.x != 1:
        cuda.cg.this_grid().sync()  # fault
    y[cuda.blockIdx.x] = 1


def test_a_block_that_has_ended_is_waited_for_in_vain():
    where = {"block": (0, 0, 0), "thread": (0, 0, 0), "array": None, "index": None}
    for checked in (True, False):
        message = refused(leaves_block[3, 1](np.zeros(3)), BarrierDivergence, **where, checked=checked)
        assert "this_grid().sync waits for all 3 blocks; block (0, 0, 0) waits, 1 have ended" in message


@kernel
def meets_elsewhere(y):
    if cuda.blockIdx.x == 1:
        cuda.cg.this_grid().sync()
    else:
        cuda.cg.this_grid().sync()  # fault


def test_blocks_meet_at_one_place():
    where = {"block": (0, 0, 0), "thread": (0, 0, 0), "array": None, "index": None}
    message = refused(meets_elsewhere[3, 1](np.zeros(3)), BarrierDivergence, **where)
    assert "block (0, 0, 0) waits, block (1, 0, 0) waits at line" in message


@kernel
def leaves_threads(x, y):
    i = cuda.grid(1)
    if i >= x.size:
        return
    x[i] = i
    cuda.cg.this_grid().sync()
    y[i] = x[x.size - 1 - i]


@BOTH
def test_threads_that_have_returned_are_not_waited_for(checked):
    x, y = np.zeros(5), np.zeros(5)
    leaves_threads[2, 4](x, y).interpret(checked)
    assert list(y) == [4, 3, 2, 1, 0]


@kernel
def leaves_first_thread(y):
    if cuda.threadIdx.x != 0:
        cuda.cg.this_grid().sync()  # fault


@kernel
def waits_elsewhere(y):
    if cuda.threadIdx.x != 1:
        cuda.cg.this_grid().sync()  # fault
    else:
        cuda.syncthreads()


def test_the_first_thread_of_a_block_comes_along_and_whoever_waits_elsewhere():
    for each, thread in ((leaves_first_thread, 0), (waits_elsewhere, 1)):
        for checked in (True, False):
            where = {"block": (0, 0, 0), "thread": (thread, 0, 0), "array": None, "index": None}
            message = refused(each[2, 3](np.zeros(3)), BarrierDivergence, **where, checked=checked)
            assert "this_grid().sync waits for 1 of 3 threads" in message


@kernel
def waits_for_flag(flag):
    if cuda.blockIdx.x == 0:
        while cuda.atomic.add(flag, 0, 0) == 0:  # fault
            pass
    cuda.cg.this_grid().sync()
    cuda.atomic.add(flag, 0, 1)


def test_a_block_that_never_comes_is_named():
    where = {"block": (0, 0, 0), "thread": (0, 0, 0), "array": None, "index": None}
    message = refused(waits_for_flag[3, 1](np.zeros(1, np.int32)), EndlessLoop, **where)
    assert "of the other blocks 2 wait for this_grid().sync at line" in message


@kernel
def passes_flag(flag):
    """A block waits for another before both meet."""
    if cuda.blockIdx.x == 0:
        while cuda.atomic.add(flag, 0, 0) == 0:
            pass
    else:
        cuda.atomic.add(flag, 0, 1)
    cuda.cg.this_grid().sync()
    flag[cuda.blockIdx.x] = 5


@BOTH
def test_blocks_may_wait_for_each_other_in_loops_as_well(checked):
    flag = np.zeros(3, np.int32)
    passes_flag[3, 1](flag).interpret(checked)
    assert list(flag) == [5, 5, 5]


def test_one_block_alone_is_traced_as_if_the_others_came():
    recording = trace(turns_round[4, 3](np.zeros(12), np.zeros(12)), block=2)
    assert recording.fault is None
    assert recording.steps
