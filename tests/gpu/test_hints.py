"""What people who know Python and NumPy try in a kernel: each mistake once, with the line that helps them.

Interpreting and compiling end in the same words, wherever the compiler refuses the kernel too.
"""

import pickle
from array import array
from fractions import Fraction

import numpy as np
import pytest

from kernels.gpu import compiler, cuda, device, float32, int32, kernel
from kernels.gpu.compiler import CompileError
from kernels.gpu.interpreter import KernelError, LaunchError, Uninitialised
from tests.gpu.agreement import tenth
from tests.gpu.test_interpreter_refusals import line_of_fault

X, Y = np.arange(8, dtype=np.float32), np.zeros(8, np.float32)


def helper(a):
    return a * 2


@kernel
def calls_python(x, y):
    i = cuda.grid(1)
    y[i] = helper(x[i])  # fault


@kernel
def calls_kernel(x, y):
    calls_python(x, y)  # fault


@kernel
def takes_absolute(x, y):
    i = cuda.grid(1)
    y[i] = np.abs(x[i])  # fault


@kernel
def makes_zeros(x, y):
    i = cuda.grid(1)
    kept = np.zeros(4)  # fault
    y[i] = kept[0]


@kernel
def draws(x, y):
    i = cuda.grid(1)
    y[i] = np.random.rand()  # fault


@kernel
def formats(x, y):
    i = cuda.grid(1)
    text = f"{i}"  # fault
    y[i] = len(text)


@kernel
def makes_list(x, y):
    i = cuda.grid(1)
    kept = [x[i], x[i]]  # fault
    y[i] = kept[0]


@kernel
def makes_list_in_loop(x, y):
    i = cuda.grid(1)
    y[i] = max([x[j] for j in range(4)])  # fault


@kernel
def makes_dictionary(x, y):
    i = cuda.grid(1)
    kept = {"a": x[i]}  # fault
    y[i] = kept["a"]


@kernel
def tries(x, y):
    i = cuda.grid(1)
    try:  # fault
        y[i] = x[i]
    except IndexError:
        y[i] = 0


@kernel
def returns_value(x, y):
    i = cuda.grid(1)
    y[i] = x[i]
    return y[i]  # fault


@kernel
def sorts(x, y):
    i = cuda.grid(1)
    y[i] = np.sort(x)[i]  # fault


@kernel
def ranges(x, y):
    i = cuda.grid(1)
    y[i] = x.ptp()  # fault


@kernel
def asks_length(x, y):
    i = cuda.grid(1)
    if i < x.length:  # fault
        y[i] = x[i]


@kernel
def takes_slice(x, y):
    y[:] = x  # fault


@kernel
def takes_whole(x, y):
    i = cuda.grid(1)
    y[i] = x  # fault


@kernel
def multiplies_matrices(x, y):
    i = cuda.grid(1)
    y[i] = x @ y  # fault


@kernel
def goes_over_number(x, y):
    for i in x.size:  # fault
        y[i] = x[i]


@device
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


@kernel
def misspells(x, y):
    index = cuda.grid(1)
    y[index] = x[indxe]  # noqa: F821  # fault


@kernel
def misspells_cuda(x, y):
    i = cuda.gird(1)  # fault
    y[i] = x[i]


@kernel
def misspells_barrier(x, y):
    i = cuda.grid(1)
    cuda.sync_threads()  # fault
    y[i] = x[i]


@kernel
def casts(x, y):
    i = cuda.grid(1)
    y[i] = x[i].astype(int32)  # fault


@kernel
def sizes_at_run_time(x, y):
    tile = cuda.shared.array(x.size, float32)  # fault
    i = cuda.grid(1)
    tile[i] = x[i]
    y[i] = tile[i]


@kernel
def writes_text(x, y):
    i = cuda.grid(1)
    y[i] = "a"  # fault


@kernel
def indexes_twice(x, y):
    i = cuda.grid(1)
    y[i][0] = x[i]  # fault


@kernel
def divides_index(x, y):
    i = cuda.grid(1) / 2
    y[i] = x[i]  # fault


@kernel
def converts_nothing(x, y):
    i = cuda.grid(1)
    y[i] = float32()  # fault


LOCAL = "memory of a thread is cuda.local.array(shape, dtype), of a block cuda.shared.array(shape, dtype)"
MISTAKES = {
    calls_python: "helper is a Python function: decorate it with @device, so that kernels can call it",
    calls_kernel: "calls_python is a kernel, which another cannot call: @device makes it callable",
    takes_absolute: "np.abs is not supported: abs instead of np.abs",
    makes_zeros: f"np.zeros is not supported: {LOCAL}",
    draws: "np.random.rand is not supported: draw random numbers before the launch, into an array",
    formats: "an f-string is not supported: kernels know numbers, arrays and tuples only",
    makes_list: f"a list is not supported: {LOCAL}",
    makes_list_in_loop: "a list is not supported: write a loop, as `for i in range(x.size)`",
    makes_dictionary: "a dictionary is not supported: kernels know numbers, arrays and tuples only",
    tries: "try is not supported: a GPU raises nothing: ask with `if`, or before the launch",
    returns_value: "a kernel returns nothing: let it write its results into an array",
    sorts: "np.sort is not supported: write a loop, as `for i in range(x.size)`",
    ranges: "x.ptp is not supported: an array has shape, size, ndim and elements; write a loop",
    asks_length: "x.length is not supported: the number of elements is x.size",
    takes_slice: "y[:] is set to 1-D array of float32: a part of an array takes one number; write a loop",
    takes_whole: "x is 1-D array of float32 where a number is needed: take an element, as x[i]",
    multiplies_matrices: "@ is not supported: write a loop",
    goes_over_number: "a loop goes over range(...), an array or a tuple, as `for i in range(x.size)`",
    misspells: "the name indxe is unknown: did you mean index?",
    misspells_cuda: "cuda.gird is not supported: did you mean cuda.grid?",
    misspells_barrier: "cuda.sync_threads is not supported: did you mean cuda.syncthreads?",
    casts: "x[i].astype is not supported: convert by calling the type, as float32(x[i])",
    sizes_at_run_time: "x.size is not: make it a compile-time parameter, after the * of the kernel's arguments",
    writes_text: "'a' stands where a number is needed",
    indexes_twice: "y[i] is float32, which has no elements",
    divides_index: "x[i]: float64 is no integer: divide by //, or convert by int(...)",
    converts_nothing: "float32 converts one number, given 0",
}


def name_of(mistake):
    return mistake.name


def said(mistake, text):
    """Whether a text says in one line what a mistake is, where it stands, and what to do."""
    fault = line_of_fault(mistake.source.function)
    return "\n" not in text and mistake.name in text and MISTAKES[mistake] in text and f".py:{fault}: " in text


@pytest.mark.parametrize("mistake", MISTAKES, ids=name_of)
def test_interpreting_says_what_to_write_instead(mistake):
    for checked in (True, False):
        with pytest.raises(KernelError) as caught:
            mistake[1, 8](X, Y).interpret(checked)
        assert said(mistake, str(caught.value)), caught.value


@pytest.mark.parametrize("mistake", MISTAKES, ids=name_of)
def test_compiling_says_the_same_in_one_line(mistake):
    with pytest.raises(CompileError) as caught:
        mistake[1, 8](X, Y).ptx("sm_90")
    assert str(caught.value).startswith(f"{mistake.name} does not compile for sm_90: ")
    assert said(mistake, str(caught.value)), caught.value


@kernel
def recurses(x, y):
    i = cuda.grid(1)
    y[i] = factorial(i)


def test_recursion_is_refused_by_interpreter_and_compiler():
    for run in (lambda launch: launch.interpret(), lambda launch: launch.ptx("sm_90")):
        with pytest.raises((KernelError, CompileError), match="factorial calls itself: kernels have no recursion"):
            run(recurses[1, 8](X, Y))


@kernel
def assigns_on_one_path(x, y):
    i = cuda.grid(1)
    if x[i] > 2:
        value = x[i]
    y[i] = value  # fault


def test_a_variable_that_a_thread_never_assigned_is_named():
    with pytest.raises(Uninitialised, match="thread \\(0, 0, 0\\): value is read, but this thread came by no line"):
        assigns_on_one_path[1, 8](X, Y).interpret()


def test_what_only_the_compiler_refuses_is_one_line_with_its_number(monkeypatch):
    page = 'Failed in cuda mode (step: frontend)\nUnknown attribute "a" of type b\n\nFile "c.py", line 7:\n'

    def refuse(*_, **__):
        raise RuntimeError(page)

    monkeypatch.setattr(compiler.cuda, "compile_ptx", refuse)
    with pytest.raises(CompileError) as caught:
        works[1, 8](X, Y, 1.0).ptx("sm_90")
    assert str(caught.value) == 'works does not compile for sm_90: Unknown attribute "a" of type b (line 7)'


@pytest.mark.parametrize(
    ("page", "line", "said"),
    [
        (
            "No implementation of function Function(<f>) found for signature:\n \n >>> setitem(array(float32, 1d, C), "
            "int64, none)\n \nThere are 12 candidates:\n  - Of which 12 did not match due to:\n  Overload "
            "of function 'setitem': File: <numerous>: Line N/A.\n\nFile \"../my.py\", line 12:\ndef f(x):\n",
            12,
            "Numba knows no setitem(array(float32, 1d, C), int64, none) (line 12)",
        ),
        (
            "Use of unsupported opcode (STORE_GLOBAL) found.\n\nRaised from /a/my.py (194)",
            194,
            "Use of unsupported opcode (STORE_GLOBAL) found. (line 194)",
        ),
        (
            "\nError at driver init: \nCUDA driver library cannot be found.\n",
            None,
            "it uses what Numba compiles only where there is a GPU",
        ),
    ],
)
def test_of_numbas_page_the_line_that_counts_is_kept(page, line, said):
    assert compiler.condensed(page) == (said, line)


# Launches


@kernel
def works(x, y, factor, *, BLOCK=8):
    i = cuda.blockIdx.x * BLOCK + cuda.threadIdx.x
    if i < len(x):
        y[i] = np.float32(factor) * x[i]


def test_len_and_the_types_of_numpy_are_understood():
    y = np.zeros(8, np.float32)
    works[1, 8](X, y, 2).interpret()
    assert list(y) == list(2 * X)


USAGE = "works[grid, block](x, y, factor)"
BYTES = "is no number of bytes: a launch is [grid, block, shared_bytes], or as in Numba [grid, block, 0, shared_bytes]"


class OfTypes:
    """An array of a library that has types of its own."""

    shape = (8,)

    def __init__(self, dtype):
        self.dtype = dtype


@cuda.jit
def scaled(x, y, factor):
    i = cuda.grid(1)
    y[i] = shifted(factor * x[i])


@cuda.jit(device=True)
def shifted(value):
    return value + 1


def test_what_cuda_jit_has_made_is_taken_as_the_function_it_is():
    y = np.zeros(8, np.float32)
    kernel(scaled)[1, 8](X, y, 2).interpret()
    assert list(y) == list(2 * X + 1)
    again = device(shifted)
    assert repr(again) == "shifted"
    assert pickle.loads(pickle.dumps(kernel(scaled))).name == "scaled"


@pytest.mark.parametrize(
    ("launch", "problem"),
    [
        (lambda: works(X, Y, 1.0), f"works: a kernel is not called but launched: {USAGE}"),
        (lambda: works[1](X, Y, 1.0), f"works: a launch is {USAGE}, or [grid, block, shared_bytes]"),
        (lambda: works[1, 8, 0, 0, 0](X, Y, 1.0), f"works: a launch is {USAGE}, or [grid, block, shared_bytes]"),
        (lambda: works[1, 8, None](X, Y, 1.0), f"works: None {BYTES}"),
        (lambda: works[1, 8, -1](X, Y, 1.0), f"works: -1 {BYTES}"),
        (lambda: works[1, 8, 0, 1.5](X, Y, 1.0), f"works: 1.5 {BYTES}"),
        (lambda: works[1, 8, "stream", 0](X, Y, 1.0), "works: a launch knows no stream, who runs it does: write 0 for"),
        (lambda: works[True, 8](X, Y, 1.0), "works: grid True is not one whole number, nor two or three of them"),
        (lambda: works[np.array([1, 1]), 8](X, Y, 1.0), "works: grid array([1, 1]) is not one whole number, nor two"),
        (lambda: works[8 / 4, 8](X, Y, 1.0), "works: grid 2.0 is not one whole number, nor two or three of them"),
        (lambda: works[1, (1, 2, 3, 4)](X, Y, 1.0), "works: block (1, 2, 3, 4) is not one whole number, nor two"),
        (lambda: works[1, None](X, Y, 1.0), "works: block None is not one whole number"),
        (lambda: works[1, 8](x=X, y=Y, factor=1.0), f"works: arguments are given without names: {USAGE}"),
        (lambda: works[1, 8](X, Y, 1.0, BLOCK=8), "works: BLOCK comes before the grid: works(BLOCK=...)[grid, block]"),
        (lambda: works[1, 8](X, Y), "works: takes 3 arguments (x, y, factor), given 2"),
        (lambda: works[1, 8]([1.0], Y, 1.0), "works: x is a list: give an array, as np.array(x, np.float32)"),
        (lambda: works[1, 8](X, Y, "2"), "works: factor is a str: give an array"),
        (lambda: works[1, 8](X, Y, None), "works: factor is None, which Numba compiles and does not launch: make it a"),
        (lambda: works[1, 8](X, Y, np.float32), "works: factor is the class float32: give an array"),
        (lambda: works[1, 8](X, Y, Fraction(1, 2)), "works: factor is a fractions.Fraction: give an array"),
        (lambda: works[1, 8](X, Y, 2**64), "works: factor is 18446744073709551616, which has more than 64 bits"),
        (lambda: works[1, 8](array("f", X), Y, 1.0), "works: x is an array.array: give an array, as np.array(x"),
        (lambda: works[1, 8](OfTypes("torch.float32"), Y, 1.0), f"works: x is a {__name__}.OfTypes: give an array"),
        (lambda: works(SIZE=8), "works: no compile-time parameter SIZE, it has BLOCK"),
        (lambda: kernel(shifted), "shifted: is a device function, which kernels call and nobody launches"),
        (lambda: device(tenth), "tenth: Numba has compiled it for declared types: leave them out of @cuda.jit"),
        (lambda: factorial(3), "factorial: a @device function is called in kernels only"),
        (lambda: kernel(3), "@kernel and @device stand above a function that `def` makes, not above 3"),
        (
            lambda: device(lambda a: a),
            "@kernel and @device stand above a function that `def` makes, not above a lambda",
        ),
    ],
)
def test_a_launch_that_is_none_says_how_it_is_written(launch, problem):
    with pytest.raises(TypeError) as caught:
        launch()
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("grid", "block", "problem"),
    [
        (0, 8, "works: a grid of (0, 1, 1) cannot be"),
        (1, 0, "works: a block of (0, 1, 1) cannot be"),
        ((1, 65536), 8, "works: a grid of (1, 65536, 1) cannot be"),
        (1, (32, 33), "works: a block of (32, 33, 1) cannot be: it has 1 to 1024 threads"),
    ],
)
def test_a_launch_that_no_gpu_takes_is_refused_before_it_runs_or_compiles(grid, block, problem):
    with pytest.raises(LaunchError) as caught:
        works[grid, block](X, Y, 1.0)
    assert str(caught.value).startswith(problem)


def test_a_grid_may_be_a_number_of_numpy():
    launch = works[np.int64(2), (np.int32(4), 2), np.uint8(64)](X, Y, 1.0)
    assert (launch.grid, launch.block, launch.shared_bytes) == ((2, 1, 1), (4, 2, 1), 64)
    assert {type(n) for n in (*launch.grid, *launch.block, launch.shared_bytes)} == {int}


@pytest.mark.parametrize("stream", [0, None, np.int32(0)])
def test_a_launch_may_be_written_in_the_order_of_numba(stream):
    assert works[1, 8, stream, 64](X, Y, 1.0).shared_bytes == 64
    assert works[1, 8, stream, 0](X, Y, 1.0) == works[1, 8](X, Y, 1.0)


@kernel
def takes_optional(x, y, *, FACTOR=None):
    i = cuda.grid(1)
    y[i] = x[i] if FACTOR is None else x[i] * FACTOR


def test_a_compile_time_parameter_may_be_none():
    y = np.zeros(8, np.float32)
    for factor, expected in ((None, X), (2, 2 * X)):
        launch = takes_optional(FACTOR=factor)[1, 8](X, y)
        for execute in (launch.interpret, launch.emulate):
            y[:] = np.nan
            execute()
            assert np.array_equal(y, expected)


def test_an_integer_beyond_int64_is_a_uint64():
    y = np.zeros(1, np.uint64)
    for n in (2**63, 2**64 - 1):
        launch = stores_number[1, 1](n, y)
        for execute in (launch.interpret, launch.emulate):
            y[0] = 0
            execute()
            assert int(y[0]) == n
        assert "uint64" in str(launch.types[0])


@kernel
def stores_number(n, y):
    y[0] = n


@pytest.mark.parametrize(
    ("x", "problem"),
    [
        (X.astype(object), "x holds object: kernels take numbers and booleans"),
        (X.astype("U1"), "x holds <U1: kernels take numbers and booleans"),
        (X.astype(">f4"), "x holds >f4, bytes in the other order: give x.astype(...)"),
        (2.0, "x is float64, which has no elements"),
    ],
)
def test_an_argument_of_another_kind_is_named(x, problem):
    with pytest.raises(KernelError) as caught:
        takes_index[1, 8](x, Y).interpret()
    assert str(caught.value).startswith(f"takes_index: {problem}")


@kernel
def takes_index(x, y):
    i = cuda.threadIdx.x
    y[i] = x[i]


class Elsewhere:
    """An array of another library."""

    dtype, shape, ndim = np.dtype("float32"), (8,), 1


def test_an_array_of_another_library_is_named():
    with pytest.raises(KernelError) as caught:
        takes_index[1, 8](Elsewhere(), Y).interpret()
    problem = f"x is a {__name__}.Elsewhere: the interpreter takes arrays of NumPy"
    assert str(caught.value) == f"takes_index: {problem}"


def test_a_launch_shows_what_it_is_and_that_nothing_has_run():
    launch = works(BLOCK=4)[2, (4, 2)](X, np.zeros((2, 4), np.float32), np.float32(2))
    shown = "works(BLOCK=4)[2, (4, 2)](x: float32 of 8, y: float32 of (2, 4), factor: float32 2.0)"
    assert repr(launch) == f"<{shown}: not run; .interpret() runs it>"
