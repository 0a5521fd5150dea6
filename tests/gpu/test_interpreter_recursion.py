"""Device functions that call themselves: Numba compiles those that it does not inline."""

import numpy as np
import pytest
from numba import cuda as numba_cuda

from kernels.gpu import cuda, kernel
from kernels.gpu.interpreter import OutOfBounds, Unsupported
from tests.gpu.alike import assert_alike


@numba_cuda.jit(device=True)
def fibonacci(n):
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)


@numba_cuda.jit(device=True)
def halvings(n):
    """Integers at first, and then a float."""
    if n < 2:
        return 0
    return halvings(n // 2) + 0.5


@numba_cuda.jit(device=True)
def sorted_in_place(x, first, last):
    """Quicksort, which returns nothing."""
    if first >= last:
        return
    pivot, low, high = x[(first + last) // 2], first, last
    while low <= high:
        while x[low] < pivot:
            low += 1
        while x[high] > pivot:
            high -= 1
        if low <= high:
            x[low], x[high] = x[high], x[low]
            low += 1
            high -= 1
    sorted_in_place(x, first, high)
    sorted_in_place(x, low, last)


@kernel
def numbers(y):
    i = cuda.grid(1)
    y[i] = fibonacci(i) + halvings(i)


@kernel
def rows(x, first):
    i = cuda.grid(1)
    sorted_in_place(x[i], first, x.shape[1] - 1)


def test_what_it_returns_is_inferred_from_the_lines_that_do_not_call_it():
    (y,) = assert_alike(numbers, np.zeros(8), block=8)
    assert y.tolist() == [0, 1, 1.5, 2.5, 4, 6, 9, 14]


def test_arrays_are_sorted_in_place():
    x = np.random.default_rng(3).normal(size=(4, 17))
    (found,) = assert_alike(rows, x, 0, block=4)
    assert np.array_equal(found, np.sort(x, axis=1))


@numba_cuda.jit(device=True)
def added_up(shared, step):
    """Each thread adds what lies `step` behind it, and that goes on with half of the step."""
    if step > 0:
        if cuda.threadIdx.x < step:
            shared[cuda.threadIdx.x] += shared[cuda.threadIdx.x + step]
        cuda.syncthreads()
        added_up(shared, step // 2)


@kernel
def waits_in_recursion(step, y):
    shared = cuda.shared.array(16, np.float64)
    shared[cuda.threadIdx.x] = cuda.threadIdx.x
    cuda.syncthreads()
    added_up(shared, step)
    if cuda.threadIdx.x == 0:
        y[0] = shared[0]


def test_threads_wait_for_each_other_in_recursion():
    (y,) = assert_alike(waits_in_recursion, 8, np.zeros(1), block=16)
    assert y[0] == sum(range(16))


@numba_cuda.jit(device=True)
def total(x, i):
    if i > x.size:  # the last index but one too many
        return 0.0
    return x[i] + total(x, i + 1)


@kernel
def leaves_in_recursion(x, y):
    y[0] = total(x, 0)


def test_an_access_outside_is_told_of_its_line():
    with pytest.raises(OutOfBounds, match=r"x\[3\] is out of bounds.*: return x\[i\] \+ total"):
        leaves_in_recursion[1, 1](np.ones(3), np.zeros(1)).interpret(checked=True)


@numba_cuda.jit(device=True)
def begins_with_itself(n):
    if n > 2:
        return begins_with_itself(n - 1)
    return 1.0


@numba_cuda.jit(device=True)
def there(n):
    return back(n - 1) if n > 0 else 0.0


@numba_cuda.jit(device=True)
def back(n):
    return there(n - 1)


@kernel
def knows_no_result(y):
    y[0] = begins_with_itself(8)


@kernel
def goes_there_and_back(y):
    y[0] = there(y.size)


@pytest.mark.parametrize(
    ("kernel", "says"),
    [
        (knows_no_result, "begins_with_itself calls itself before a line that returns something without"),
        (goes_there_and_back, "calls itself"),
    ],
)
def test_what_is_refused(kernel, says):
    with pytest.raises(Unsupported, match=says):
        kernel[1, 1](np.zeros(1)).interpret()
