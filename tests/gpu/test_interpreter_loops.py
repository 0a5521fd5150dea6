"""Loops in which a thread waits for another: those that end, and those that never do.

The line of the loop that an error names ends in `# loops`.
"""

import inspect

import numpy as np
import pytest

from kernels.gpu import cuda, device, float32, int32, kernel
from kernels.gpu.interpreter import EndlessLoop

MODES = pytest.mark.parametrize("checked", [False, True])


def floats(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def zeros(n):
    return np.zeros(n, np.int32)


def line(function, mark):
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, text in enumerate(lines) if text.rstrip().endswith(mark))


def endless(launch, *, checked, block=(0, 0, 0), thread=(0, 0, 0), **options):
    """Interpret a launch that never ends. Checks that the error says who loops, and where; returns its text."""
    with pytest.raises(EndlessLoop) as caught:
        launch.interpret(checked, **options)
    error = caught.value
    assert (error.kernel, error.block, error.thread) == (launch.kernel.name, block, thread)
    assert error.line == line(launch.kernel.source.function, "# loops")
    assert "\n" not in str(error)
    return str(error)


# Loops that never end


@kernel
def forgets_to_count(x, y):
    i, total = 0, float32(0)
    while i < x.size:  # loops
        total += x[i]
    y[cuda.threadIdx.x] = total


@MODES
def test_a_loop_that_forgets_to_count_ends_with_its_line(checked):
    launch = forgets_to_count[1, 2](np.ones(4, np.float32), floats(2))
    message = endless(launch, checked=checked, turns=50_000)
    assert "turns were made" in message
    assert "of the other threads of its block 1 loop at line" in message


@kernel
def halves_zero(n, y):
    while n >= 0:  # loops
        n //= 2
    y[0] = n


@MODES
def test_a_loop_that_looks_at_no_memory_ends_too(checked):
    message = endless(halves_zero[1, 1](8, floats(1)), checked=checked, turns=1000)
    assert "1,000 turns" in message


@kernel
def meets_for_ever(y):
    while True:  # loops
        cuda.syncthreads()
        y[cuda.threadIdx.x] += float32(1)


@MODES
def test_a_loop_around_a_barrier_that_nobody_leaves_ends(checked):
    endless(meets_for_ever[1, 2](floats(2)), checked=checked, turns=1000)


@device
def spin(flag):
    while cuda.atomic.add(flag, 0, 0) == 0:  # loops in a device function
        pass


@kernel
def waits_for_those_who_wait(y):
    flag = cuda.shared.array(1, int32)
    i = cuda.threadIdx.x
    if i == 0:
        flag[0] = 0
        while cuda.atomic.add(flag, 0, 0) == 0:  # loops
            pass
    if i == 3:
        return
    cuda.syncthreads()  # waits
    if i == 1:
        cuda.atomic.add(flag, 0, 1)
    y[i] = float32(i)


@MODES
def test_a_thread_that_waits_for_one_at_a_barrier_names_the_barrier(checked):
    message = endless(waits_for_those_who_wait[1, 4](floats(4)), checked=checked)
    at = line(waits_for_those_who_wait.source.function, "# waits")
    assert "nothing changes any more" in message
    assert f"of the other threads of its block 2 wait for syncthreads at line {at}, 1 returned" in message


@kernel
def waits_for_a_flag(flag, y, *, SETTER=2):
    b = cuda.blockIdx.x
    if b == SETTER:
        cuda.atomic.exch(flag, 0, 1)
    if b == 0:
        while cuda.atomic.add(flag, 0, 0) == 0:  # loops
            pass
    y[b] = float32(b + 1)


@MODES
def test_a_block_that_waits_for_a_flag_that_no_block_sets_is_told(checked):
    launch = waits_for_a_flag(SETTER=9)[3, 1](zeros(1), floats(3))
    message = endless(launch, checked=checked)
    assert "of the other blocks 2 have ended" in message


@kernel
def spins_in_a_function(flag, y):
    spin(flag)
    y[0] = float32(1)


def test_a_loop_in_a_device_function_is_named_by_its_own_line():
    with pytest.raises(EndlessLoop) as caught:
        spins_in_a_function[1, 1](zeros(1), floats(1)).interpret()
    assert caught.value.line == line(spin.source.function, "# loops in a device function")


def test_a_loop_of_many_turns_is_no_endless_one():
    """Together the threads make more turns than are allowed in vain; each gets on."""
    x = np.ones(300, np.float32)
    y = floats(8)
    sums_by_while[1, 8](x, y).interpret(turns=512)
    assert (y == 300).all()


@kernel
def sums_by_while(x, y):
    i, total = 0, float32(0)
    while i < x.size:
        total += x[i]
        i += 1
    y[cuda.threadIdx.x] = total


# Loops that another thread or block ends


@MODES
def test_a_block_may_wait_for_a_later_one(checked):
    y = floats(3)
    waits_for_a_flag[3, 1](zeros(1), y).interpret(checked)
    assert list(y) == [1, 2, 3]


@kernel
def all_blocks_meet(arrived, y):
    cuda.atomic.add(arrived, 0, 1)
    while cuda.atomic.add(arrived, 0, 0) < cuda.gridDim.x:
        pass
    y[cuda.blockIdx.x] = float32(1)


@MODES
def test_blocks_may_meet_at_a_counter(checked):
    y = floats(20)
    all_blocks_meet[20, 1](zeros(1), y).interpret(checked)
    assert (y == 1).all()


@kernel
def thread_waits_for_thread(y):
    turn = cuda.shared.array(1, int32)
    i = cuda.threadIdx.x
    if i == 0:
        turn[0] = cuda.blockDim.x - 1
    cuda.syncthreads()
    while cuda.atomic.add(turn, 0, 0) != i:
        pass
    y[i] = float32(i)
    cuda.atomic.sub(turn, 0, 1)


@MODES
def test_threads_may_wait_for_each_other_in_turn(checked):
    y = np.zeros(40, np.float32)
    thread_waits_for_thread[1, 40](y).interpret(checked)
    assert list(y) == list(floats(40))


@kernel
def counts_under_a_lock(lock, count, *, TRIES=0):
    """The holder of the lock is long in there: it pauses, and all others find the lock taken."""
    if TRIES == 0:
        while cuda.atomic.cas(lock, 0, 0, 1) != 0:
            pass
        held = True
    else:
        held = False
        for _ in range(TRIES):
            if cuda.atomic.cas(lock, 0, 0, 1) == 0:
                held = True
                break
    if held:
        cuda.threadfence()
        waited = 0
        while waited < 40:
            waited += cuda.atomic.add(lock, 0, 0)
        old = count[0]
        cuda.syncwarp(1 << cuda.laneid)
        count[0] = old + 1
        cuda.threadfence()
        cuda.atomic.exch(lock, 0, 0)


@pytest.mark.parametrize("tries", [0, 10_000])
def test_a_lock_is_passed_on_between_threads_and_blocks(tries):
    count = zeros(1)
    counts_under_a_lock(TRIES=tries)[3, 8](zeros(1), count).interpret(checked=False)
    assert count[0] == 24
