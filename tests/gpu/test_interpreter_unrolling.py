"""Loops over literal_unroll(tuple), whose body is rewritten for each item; tuples of arrays from outside a kernel."""

import numpy as np
import pytest
from numba.cuda.misc.special import literal_unroll

from kernels.gpu import cuda, device, kernel
from kernels.gpu.compiler import CompileError
from kernels.gpu.interpreter import BarrierDivergence, OutOfBounds, Unsupported
from tests.gpu.alike import assert_alike

MIXED = (np.float64([1.0, 2.0]), np.float32([[0.5, 1.5], [2.5, 4.0]]), np.int64([4, 5, 6]))
TABLE = np.array([1.0, 2.0])


@kernel
def sizes_and_firsts(y):
    at = 0
    for array in literal_unroll(MIXED):
        y[at], y[at + 1] = array.size, array.flat[1]
        at += 2


def test_items_may_be_arrays_of_several_kinds():
    (y,) = assert_alike(sizes_and_firsts, np.zeros(6))
    assert y.tolist() == [2, 2.0, 4, 1.5, 3, 5]


@kernel
def some_of(items, y):
    at, total = 0, 0
    for item in literal_unroll(items):
        if item > 4:
            continue
        if item < 0:
            break
        y[at] = item
        at += 1
        total += item
    else:
        y[6] = 100
    y[7], y[8] = total, item


@pytest.mark.parametrize(
    ("items", "kept", "is_whole", "last"),
    [
        ((1, 2.5, np.float32(7.25), 3), [1, 2.5, 3], True, 3),
        ((1, 2.5, np.float32(7.25), 3, -1), [1, 2.5, 3], False, -1),
        ((-2.5, 1), [], False, -2.5),
        ((5, np.int8(6)), [], True, 6),
    ],
)
def test_continue_break_and_else(items, kept, is_whole, last):
    (y,) = assert_alike(some_of, items, np.zeros(9))
    assert y[: len(kept)].tolist() == kept
    assert (y[6], y[7], y[8]) == (100 * is_whole, sum(kept), last)


@kernel
def unrolled_in_loops(items, y):
    total = 0
    for turn in range(3):
        for item in literal_unroll(items):
            power = item
            for _ in range(turn):
                power = power * item
            total += power
    y[0] = total


def test_loops_within_and_around():
    (y,) = assert_alike(unrolled_in_loops, (2, 1.5, np.float32(3)), np.zeros(1))
    assert y[0] == sum(item ** (turn + 1) for turn in range(3) for item in (2, 1.5, 3))


@kernel
def nested(items, y):
    for item in literal_unroll(items):
        for other in literal_unroll(items):
            y[0] += item * other


def test_one_within_another_is_refused_as_by_numba():
    launch = nested[1, 1]((2, 1.5), np.zeros(1))
    with pytest.raises(Unsupported, match="literal_unroll within a loop over literal_unroll"):
        launch.interpret()
    with pytest.raises(CompileError, match="literal_unroll"):
        launch.emulate()


@kernel
def waits_in_such_a_loop(items, y):
    shared = cuda.shared.array(32, np.float64)
    i = cuda.threadIdx.x
    shared[i] = i
    for item in literal_unroll(items):
        cuda.syncthreads()
        moved = shared[(i + 1) % 32] * item
        cuda.syncthreads()
        shared[i] = moved
    y[i] = shared[i]


def test_barriers_in_such_a_loop():
    (y,) = assert_alike(waits_in_such_a_loop, (2, 0.5, np.float32(3)), np.zeros(32), block=32)
    assert y.tolist() == [3.0 * ((i + 3) % 32) for i in range(32)]


@kernel
def waits_on_different_items(items, y):
    i = cuda.threadIdx.x
    for item in literal_unroll(items):
        if item > i:
            cuda.syncthreads()
    y[i] = 1


def test_threads_that_wait_on_different_items_are_found():
    with pytest.raises(BarrierDivergence):
        waits_on_different_items[1, 2]((1, 0.5, 2), np.zeros(2)).interpret(checked=True)


@kernel
def leaves_an_item(y):
    for array in literal_unroll(MIXED):
        y[0] = array.flat[3]


def test_an_access_outside_an_item_is_told_by_its_number():
    with pytest.raises(OutOfBounds, match=r"3"):
        leaves_an_item[1, 1](np.zeros(1)).interpret(checked=True)


@kernel
def over_no_tuple(x, y):
    for item in literal_unroll(x):
        y[0] = item


def test_what_is_no_tuple_is_refused():
    with pytest.raises(Unsupported, match="literal_unroll takes a tuple, not"):
        over_no_tuple[1, 1](np.zeros(2), np.zeros(1)).interpret()


@device
def element_of_its_own_table(i):
    return TABLE[i]


def other_module():
    """A kernel whose module has another TABLE than this one."""
    names = {"TABLE": np.array([10.0, 20.0]), "element": element_of_its_own_table, "cuda": cuda}

    def both(y):
        y[0], y[1] = TABLE[0], element(0)  # noqa: F821

    return kernel(type(both)(both.__code__, names, "both"))


def test_two_modules_may_call_two_arrays_the_same():
    (y,) = assert_alike(other_module(), np.zeros(2))
    assert y.tolist() == [10.0, 1.0]
