"""The order between threads and blocks that fences and atomics fix, and what remains a race without them.

The line that is to be named by an error ends in `# fault`.
"""

import inspect

import numpy as np
import pytest

from kernels.gpu import cuda, float32, int32, kernel
from kernels.gpu.interpreter import DataRace


def floats(n):
    return np.arange(n, dtype=np.float32)


def zeros(n):
    return np.zeros(n, np.int32)


def race(launch):
    """Interpret a launch that has a race, at its line `# fault`; returns what the error says."""
    with pytest.raises(DataRace) as caught:
        launch.interpret()
    lines, first = inspect.getsourcelines(launch.kernel.source.function)
    faults = [first + i for i, text in enumerate(lines) if text.rstrip().endswith("# fault")]
    assert caught.value.line in faults
    return str(caught.value)


# The last block to take a ticket sums up


@kernel
def last_block_sums(x, partial, tickets, y, *, FENCE=True, RESET=True):
    """A block adds up its part, and the last to have done so adds up the parts, with all its threads."""
    is_last = cuda.shared.array(1, int32)
    sums = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    sums[i] = x[cuda.blockIdx.x * 4 + i]
    cuda.syncthreads()
    if i == 0:
        total = float32(0)
        for k in range(4):
            total += sums[k]
        partial[cuda.blockIdx.x] = total
        if FENCE:
            cuda.threadfence()
        ticket = cuda.atomic.add(tickets, 0, 1)
        is_last[0] = ticket == cuda.gridDim.x - 1
    cuda.syncthreads()
    if is_last[0] == 1:
        total = float32(0)
        for b in range(i, cuda.gridDim.x, 4):
            total += partial[b]  # fault
        cuda.atomic.add(y, 0, total)
        if RESET and i == 0:
            tickets[0] = 0


def tickets(blocks=6):
    return floats(4 * blocks), floats(blocks), zeros(1), np.zeros(1, np.float32)


def test_the_last_block_may_read_what_all_have_written_before_a_fence_and_an_atomic():
    x, partial, count, y = tickets()
    last_block_sums[6, 4](x, partial, count, y).interpret()
    assert y[0] == x.sum()
    assert count[0] == 0


def test_without_the_fence_the_last_block_races_with_all():
    message = race(last_block_sums(FENCE=False)[6, 4](*tickets()))
    assert "reads partial[0]" in message
    assert "blocks run in any order" in message


def test_the_order_of_tickets_holds_across_batches_of_the_trace(monkeypatch):
    monkeypatch.setattr("kernels.gpu.interpreter.trace.BATCH", 1)
    monkeypatch.setattr("kernels.gpu.interpreter.trace.LONGEST", 1)
    test_the_last_block_may_read_what_all_have_written_before_a_fence_and_an_atomic()
    test_without_the_fence_the_last_block_races_with_all()


@kernel
def every_block_sums(partial, tickets, y):
    """No block looks at its ticket."""
    b = cuda.blockIdx.x
    partial[b] = float32(1)
    cuda.threadfence()
    cuda.atomic.add(tickets, 0, 1)
    total = float32(0)
    for k in range(cuda.gridDim.x):
        total += partial[k]  # fault
    y[b] = total


def test_a_ticket_that_nobody_looks_at_orders_nothing_that_comes_later():
    """Block 0 reads what block 1 is yet to write."""
    with pytest.raises(DataRace) as caught:
        every_block_sums[2, 1](floats(2), zeros(1), floats(2)).interpret()
    assert caught.value.array == "partial"


@kernel
def fences_before_it_stores(partial, tickets, y):
    b = cuda.blockIdx.x
    cuda.threadfence()
    partial[b] = float32(1)
    ticket = cuda.atomic.add(tickets, 0, 1)
    if ticket == cuda.gridDim.x - 1:
        y[0] = partial[0]  # fault


def test_a_fence_before_the_store_does_not_order_it():
    race(fences_before_it_stores[2, 1](floats(2), zeros(1), floats(1)))


@kernel
def all_threads_store(partial, tickets, y, *, FENCE=True):
    """Each thread passes its own fence, then they meet, and one takes a ticket for all."""
    is_last = cuda.shared.array(1, int32)
    i = cuda.threadIdx.x
    n = cuda.blockDim.x
    partial[cuda.blockIdx.x * n + i] = float32(1)
    if FENCE or i == 0:
        cuda.threadfence()
    cuda.syncthreads()
    if i == 0:
        is_last[0] = cuda.atomic.add(tickets, 0, 1) == cuda.gridDim.x - 1
    cuda.syncthreads()
    if is_last[0] == 1:
        total = float32(0)
        for k in range(cuda.gridDim.x):
            total += partial[k * n + i]  # fault
        y[i] = total


def test_threads_that_fence_and_meet_may_have_one_take_the_ticket():
    y = floats(4)
    all_threads_store[3, 4](floats(12), zeros(1), y).interpret()
    assert (y == 3).all()
    race(all_threads_store(FENCE=False)[3, 4](floats(12), zeros(1), y))


@kernel
def fences_within_the_block(partial, tickets, y):
    b = cuda.blockIdx.x
    partial[b] = float32(1)
    cuda.threadfence_block()
    ticket = cuda.atomic.add(tickets, 0, 1)
    if ticket == cuda.gridDim.x - 1:
        y[0] = partial[0]  # fault


def test_a_fence_for_the_block_does_not_order_blocks():
    race(fences_within_the_block[2, 1](floats(2), zeros(1), floats(1)))


@kernel
def hands_over_in_shared_memory(y, *, FENCE=True):
    value = cuda.shared.array(1, float32)
    flag = cuda.shared.array(1, int32)
    i = cuda.threadIdx.x
    if i == 0:
        flag[0] = 0
    cuda.syncthreads()
    if i == 1:
        value[0] = float32(7)
        if FENCE:
            cuda.threadfence_block()
        cuda.atomic.exch(flag, 0, 1)
    if i == 0:
        while cuda.atomic.add(flag, 0, 0) == 0:
            pass
        y[0] = value[0]  # fault


def test_a_fence_for_the_block_orders_its_threads():
    y = floats(1)
    hands_over_in_shared_memory[1, 2](y).interpret()
    assert y[0] == 7
    race(hands_over_in_shared_memory(FENCE=False)[1, 2](y))


# Locks and flags


@kernel
def counts_under_a_lock(lock, count, *, ENTER=True, LEAVE=True, BY_STORE=False):
    while cuda.atomic.cas(lock, 0, 0, 1) != 0:  # fault
        pass
    if ENTER:
        cuda.threadfence()
    count[0] += 1  # fault
    if LEAVE:
        cuda.threadfence()
    if BY_STORE:
        lock[0] = 0  # fault
    else:
        cuda.atomic.exch(lock, 0, 0)


@pytest.mark.parametrize("by_store", [False, True])
def test_what_is_done_under_a_lock_is_no_race(by_store):
    count = zeros(1)
    counts_under_a_lock(BY_STORE=by_store)[4, 40](zeros(1), count).interpret()
    assert count[0] == 160


@pytest.mark.parametrize("by_store", [False, True])
@pytest.mark.parametrize("enter", [False, True])
@pytest.mark.parametrize(("grid", "block"), [(2, 1), (1, 2)])
def test_a_lock_that_is_left_without_a_fence_protects_nothing(by_store, enter, grid, block):
    launch = counts_under_a_lock(ENTER=enter, LEAVE=False, BY_STORE=by_store)[grid, block]
    race(launch(zeros(1), zeros(1)))


@kernel
def pauses_under_a_lock(lock, count, *, BY_STORE=False):
    """Its holder lets all others run, who find it taken."""
    while cuda.atomic.cas(lock, 0, 0, 1) != 0:
        pass
    cuda.threadfence()
    old = count[0]
    cuda.syncwarp(1 << cuda.laneid)
    waited = 0
    while waited < 40:
        waited += cuda.atomic.add(lock, 0, 0)
    count[0] = old + 1
    cuda.threadfence()
    if BY_STORE:
        lock[0] = 0
    else:
        cuda.atomic.exch(lock, 0, 0)


@pytest.mark.parametrize("by_store", [False, True])
@pytest.mark.parametrize("batch", [1, 1 << 16])
def test_a_lock_is_passed_on_among_threads_that_wait_for_it(by_store, batch, monkeypatch):
    monkeypatch.setattr("kernels.gpu.interpreter.trace.BATCH", batch)
    monkeypatch.setattr("kernels.gpu.interpreter.trace.LONGEST", batch)
    count = zeros(1)
    pauses_under_a_lock(BY_STORE=by_store)[3, 6](zeros(1), count).interpret()
    assert count[0] == 18


@kernel
def last_without_lock(lock, count):
    is_last = cuda.blockIdx.x == cuda.gridDim.x - 1
    if not is_last:
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:
            pass
        cuda.threadfence()
    count[0] += 1  # fault
    cuda.threadfence()
    if not is_last:
        cuda.atomic.exch(lock, 0, 0)


def test_who_does_not_take_the_lock_races():
    race(last_without_lock[3, 1](zeros(1), zeros(1)))


@kernel
def sets_a_flag(value, flag, y, *, FENCE=True, POLL=True):
    if cuda.blockIdx.x == 1:
        value[0] = float32(3)
        if FENCE:
            cuda.threadfence()
        flag[0] = 1  # fault
    else:
        if POLL:
            while cuda.atomic.add(flag, 0, 0) == 0:
                pass
        else:
            while flag[0] == 0:
                pass
        y[0] = value[0]  # fault


def test_a_flag_may_be_set_by_a_store_behind_a_fence():
    y = floats(1)
    sets_a_flag[2, 1](floats(1), zeros(1), y).interpret()
    assert y[0] == 3
    race(sets_a_flag(FENCE=False)[2, 1](floats(1), zeros(1), y))


def test_a_flag_that_is_read_plainly_is_a_race():
    with pytest.raises(DataRace) as caught:
        sets_a_flag(POLL=False)[2, 1](floats(1), zeros(1), floats(1)).interpret()
    assert caught.value.array == "flag"


@kernel
def resets_what_others_count(count):
    cuda.threadfence()
    if cuda.blockIdx.x == 1:
        count[0] = 0  # fault
    else:
        cuda.atomic.add(count, 0, 1)  # fault


def test_a_store_that_no_ticket_orders_races_with_atomics():
    race(resets_what_others_count[3, 1](zeros(1)))


# The order in which blocks and threads are run


@kernel
def notes_order(count, blocks, threads):
    """Each thread takes the next number."""
    threads[cuda.grid(1)] = cuda.atomic.add(count, 0, 1)
    if cuda.threadIdx.x == 0:
        blocks[cuda.blockIdx.x] = cuda.atomic.add(count, 1, 1)


@kernel
def notes_order_after_a_barrier(count, blocks, threads):
    cuda.syncthreads()
    threads[cuda.grid(1)] = cuda.atomic.add(count, 0, 1)
    if cuda.threadIdx.x == 0:
        blocks[cuda.blockIdx.x] = cuda.atomic.add(count, 1, 1)


def noted(launched, checked, seed):
    count, blocks, threads = zeros(2), zeros(8), zeros(64)
    launched[8, 8](count, blocks, threads).interpret(checked, seed=seed)
    assert sorted(threads) == list(range(64))
    return list(blocks), list(threads)


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("launched", [notes_order, notes_order_after_a_barrier])
def test_a_seed_shuffles_blocks_and_threads_and_always_alike(launched, checked):
    assert noted(launched, checked, None) == (list(range(8)), list(range(64)))
    one, other = noted(launched, checked, 1), noted(launched, checked, 2)
    assert one != other
    for blocks, threads in (one, other):
        assert blocks != list(range(8))
        within = [[t % 8 for t in threads[8 * b : 8 * b + 8]] for b in range(8)]
        assert len(set(map(tuple, within))) > 1, "each block has its own order"
    assert one == noted(launched, checked, 1)


@kernel
def sums_in_any_order(x, y):
    cuda.atomic.add(y, 0, x[cuda.grid(1)])


def test_a_result_that_depends_on_the_order_shows():
    x = np.array([1e8, 1, -1e8, 1] * 8, np.float32)
    sums = set()
    for seed in range(8):
        y = np.zeros(1, np.float32)
        sums_in_any_order[4, 8](x, y).interpret(seed=seed)
        sums.add(float(y[0]))
    assert len(sums) > 1


@pytest.mark.parametrize("seed", range(4))
def test_locks_and_tickets_hold_in_any_order(seed):
    count = zeros(1)
    pauses_under_a_lock[3, 6](zeros(1), count).interpret(seed=seed)
    assert count[0] == 18
    x, partial, count, y = tickets()
    last_block_sums[6, 4](x, partial, count, y).interpret(seed=seed)
    assert y[0] == x.sum()
    with pytest.raises(DataRace):
        last_block_sums(FENCE=False)[6, 4](*tickets()).interpret(seed=seed)


@kernel
def comes_without_the_lock(lock, count):
    """Block 0 does not ask; it leaves the lock's cell as if it had."""
    if cuda.blockIdx.x > 0:
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:
            pass
        cuda.threadfence()
    count[0] += 1
    cuda.threadfence()
    cuda.atomic.exch(lock, 0, 0)


def test_a_race_that_one_order_hides_another_shows():
    """In the order of their numbers block 0 is the first of all, whom nobody could disturb."""
    comes_without_the_lock[4, 1](zeros(1), zeros(1)).interpret()
    found = 0
    for seed in range(8):
        try:
            comes_without_the_lock[4, 1](zeros(1), zeros(1)).interpret(seed=seed)
        except DataRace:
            found += 1
    assert found > 0
