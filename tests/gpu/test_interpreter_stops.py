"""raise, assert and print: where threads stop and what they say, as the compiled kernel does it."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest

from kernels.gpu import cuda, device, float32, kernel
from kernels.gpu.interpreter import BarrierDivergence, Raised, Unsupported
from tests.gpu.alike import kernel_from


@device
def root_of(value):
    if value < 0:
        raise ValueError("negative", 2)
    return value


@kernel
def stops(x, y):
    i = cuda.threadIdx.x
    y[i] = 1
    y[i] = root_of(x[i])
    assert x[i] != 3, "three"
    y[i] += 10


X = np.array([1, -2, 3, 4], np.float32)


def written(run):
    launch = stops[1, 4](X.copy(), np.zeros(4, np.float32))
    run(launch)
    return list(launch.args[1])


def test_a_thread_that_raises_ends_there_and_the_others_go_on():
    assert written(lambda launch: launch.interpret(checked=False)) == [11, 1, 3, 14]
    assert written(lambda launch: launch.emulate()) == [11, 1, 3, 14]


def test_in_checked_mode_it_is_an_error_that_names_thread_and_line():
    with pytest.raises(Raised, match=r"thread \(1, 0, 0\): ValueError: negative, 2, at .*: raise ValueError\("):
        written(lambda launch: launch.interpret())
    with pytest.raises(Raised, match=r"thread \(0, 0, 0\): AssertionError: three, at .*: assert x\[i\] != 3"):
        stops[1, 1](X[2:].copy(), np.zeros(4, np.float32)).interpret()


@kernel
def stops_before_barrier(x, y):
    i = cuda.threadIdx.x
    if x[i] < 0:
        raise IndexError
    cuda.syncthreads()
    y[i] = x[i]


def test_who_has_stopped_misses_the_barrier():
    launch = stops_before_barrier[1, 4](X, X.copy())
    with pytest.raises(BarrierDivergence, match=r"thread \(1, 0, 0\) has returned"):
        launch.interpret(checked=False)
    with pytest.raises(Raised, match="IndexError, at"):
        launch.interpret()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("raise", "raise without an exception is not supported"),
        ("raise x[0]", r"raise x\[0\]: float32 is no exception"),
        ("raise float32", "raise float32: float32 is no exception"),
    ],
)
def test_what_is_no_exception_is_refused(line, says):
    with pytest.raises(Unsupported, match=says):
        kernel_from(f"def f(x):\n    {line}\n", float32=float32)[1, 1](X).interpret()


# print


@kernel
def says(x, n, b):
    i = cuda.threadIdx.x
    print("thread", i, x[i], n, b[i], (1, x[i]), (2.0,), "100% of it")
    if i == 1:
        print(cuda.threadIdx, cuda.blockDim, np.uint64(18446744073709551615), -1, 1e20, np.uint8(255), i > 1)
        print()


def said(run):
    numbers = np.array([1.5, np.nan, -np.inf], np.float32)
    launch = says[2, 3](numbers, np.uint64(2**64 - 1), np.array([True, False, True]))
    text = io.StringIO()
    with redirect_stdout(text):
        run(launch)
    return text.getvalue()


def test_print_says_what_the_compiled_kernel_says():
    compiled = said(lambda launch: launch.emulate())
    assert compiled.startswith("thread 0 1.500000 18446744073709551615 True (1, 1.500000) (2.000000,) 100% of it\n")
    assert said(lambda launch: launch.interpret()) == said(lambda launch: launch.interpret(checked=False)) == compiled


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("print(x)", "print of 1-D array of float32 is not supported"),
        ("print(None)", "print of None is not supported"),
        ("print(x[0], sep='')", "print takes no keyword arguments here"),
        (f"print({', '.join('1' * 33)})", "print of more than 32 values is not supported"),
    ],
)
def test_what_is_not_printed_is_refused(line, problem):
    with pytest.raises(Unsupported, match=problem):
        kernel_from(f"def f(x):\n    {line}\n")[1, 1](X).interpret()
