"""The barrier of a whole grid, `cuda.cg.this_grid().sync()`."""

import numpy as np
import pytest
from numba import cuda

from kernels.gpu.emulator import EmulatorError, together
from tests.gpu.emulator.numba_ptx import run

SEEDS = pytest.mark.parametrize("seed", [None, 1, 2])


def neighbours(x, y, rounds):
    """Each element becomes the mean of those beside it, which other blocks write."""
    grid, i = cuda.cg.this_grid(), cuda.grid(1)
    for _ in range(rounds):
        y[i] = (x[(i + 1) % x.size] + x[i - 1]) / 2
        grid.sync()
        x[i] = y[i]
        grid.sync()


@SEEDS
@pytest.mark.parametrize(("blocks", "threads"), [(1, 32), (6, 64), (33, 7)])
def test_all_threads_of_the_grid_wait_for_each_other(seed, blocks, threads):
    x = np.random.default_rng(1).standard_normal(blocks * threads)
    expected = x.copy()
    for _ in range(5):
        expected = (np.roll(expected, -1) + np.roll(expected, 1)) / 2
    run(neighbours, blocks, threads, x, np.zeros_like(x), 5, how={"seed": seed})
    assert np.array_equal(x, expected)


def test_a_launch_of_one_thread_passes_at_once():
    x = np.ones(1)
    run(neighbours, 1, 1, x, x, 3)
    assert x[0] == 1


def not_all(x, which):
    if (which != 0 or cuda.threadIdx.x > 0) and (which != 1 or cuda.blockIdx.x < 2):
        cuda.cg.this_grid().sync()
    x[cuda.grid(1)] = 1


@pytest.mark.parametrize(("which", "thread"), [(0, 1), (1, 0)])
def test_threads_and_blocks_that_never_come_are_said(which, thread):
    problem = rf"not_all: block 0, thread {thread}: waits at cudaCGSynchronize \(PTX line \d+\) for threads that never"
    with pytest.raises(EmulatorError, match=problem):
        run(not_all, 3, 4, np.zeros(12), which)


def those_with_elements(x, y, rounds):
    """The last threads have returned when the others meet, as in programs of Numba's documentation."""
    i = cuda.grid(1)
    if i < x.size:
        neighbours_of(x, y, rounds, i)


@cuda.jit(device=True, inline="always")
def neighbours_of(x, y, rounds, i):
    grid = cuda.cg.this_grid()
    for _ in range(rounds):
        y[i] = (x[(i + 1) % x.size] + x[i - 1]) / 2
        grid.sync()
        x[i] = y[i]
        grid.sync()


@pytest.mark.parametrize("checked", [False, True])
def test_threads_that_have_returned_are_not_waited_for(checked):
    x = np.random.default_rng(1).standard_normal(37)
    expected = x.copy()
    for _ in range(2):
        expected = (np.roll(expected, -1) + np.roll(expected, 1)) / 2
    run(those_with_elements, 3, 16, x, np.zeros_like(x), 2, checked=checked)
    assert np.array_equal(x, expected)


def barriers_of_two_sorts(x):
    if cuda.threadIdx.x % 2:
        cuda.syncthreads()
    else:
        cuda.cg.this_grid().sync()
    x[cuda.grid(1)] = 1


def test_where_the_others_wait_is_said():
    problem = (
        r"thread 0: waits at cudaCGSynchronize .* never come; of the other threads 4 wait at bar.sync .*3 wait at cuda"
    )
    with pytest.raises(EmulatorError, match=problem):
        run(barriers_of_two_sorts, 2, 8, np.zeros(16))


def for_ever(x):
    while True:
        x[0] += 1
        cuda.cg.this_grid().sync()


def test_a_loop_around_the_barrier_that_never_ends_is_said(monkeypatch):
    monkeypatch.setattr(together, "MEETINGS_OF_GRID", 1000)
    with pytest.raises(EmulatorError, match=r"has met others 1,000 times in a loop without end at cudaCGSynchronize"):
        run(for_ever, 2, 2, np.zeros(1))


def test_blocks_that_find_no_room_are_said(monkeypatch):
    """As a GPU refuses a cooperative launch of more blocks than it has room for at once."""
    monkeypatch.setattr(together, "MEMORY", 1)
    with pytest.raises(EmulatorError, match=r"waits at cudaCGSynchronize.*; 5 blocks have not begun"):
        run(neighbours, 7, 2, np.zeros(14), np.zeros(14), 1)


class Blind:
    def begin(self, place):
        pass

    def ran(self, place, number):
        pass


def test_blocks_that_are_counted_run_one_by_one_and_cannot_meet():
    problem = (
        r"block 0, thread 0: waits at cudaCGSynchronize \(PTX line \d+\) for other blocks, and blocks that are coun"
    )
    with pytest.raises(EmulatorError, match=problem):
        run(neighbours, 3, 4, np.zeros(12), np.zeros(12), 1, how={"observer": Blind()})
