"""Complex numbers: the interpreter computes what Numba compiles, formula by formula."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import cuda, device, kernel
from kernels.gpu.interpreter import OutOfBounds, Raised, Unsupported
from tests.gpu.alike import assert_alike, kernel_from

PARTS = (0.0, -0.0, 1.0, -2.5, 0.3, 1e30, math.inf, -math.inf, math.nan)
POINTS = [complex(a, b) for a in PARTS for b in PARTS]
DTYPES = pytest.mark.parametrize("dtype", [np.complex64, np.complex128], ids=lambda d: d.__name__)


def pairs(dtype):
    """Special numbers, each with another one."""
    x = np.array(POINTS, dtype)
    return x, np.random.default_rng(1).permutation(x)


@kernel
def arithmetic(x, y, s, z):
    i = cuda.threadIdx.x
    z[i, 0] = x[i] + y[i]
    z[i, 1] = x[i] - y[i]
    z[i, 2] = x[i] * y[i]
    z[i, 3] = -x[i] * s
    z[i, 4] = x[i].conjugate()
    z[i, 5] = complex(x[i].imag, y[i].real)
    z[i, 6] = x[i] * 2 + (1 - 2j)
    z[i, 7] = 1.5 - x[i]
    z[i, 8] = (x[i] == y[i]) + 2 * (x[i] != 0)
    z[i, 9] = 3 if x[i] else 4
    z[i, 10] += 2
    total = 0
    for _ in range(3):
        total += x[i]
    z[i, 11] = total
    z[i, 12] = x[i].real.imag + (not x[i]) + bool(x[i])
    z[i, 13] = abs(x[i].real) + complex(x[i].imag) + complex(x[i])


@DTYPES
def test_arithmetic_has_the_bits_of_the_compiled_kernel(dtype):
    x, y = pairs(dtype)
    assert_alike(arithmetic, x, y, dtype(1.5 - 2j), np.zeros((len(x), 14), dtype), block=len(x), rtol=0.0)


@DTYPES
@given(st.lists(st.complex_numbers(), min_size=1, max_size=8), st.complex_numbers())
def test_random_numbers_are_multiplied_and_added_alike(dtype, numbers, s):
    with np.errstate(over="ignore"):
        x = np.array(numbers).astype(dtype)
    with np.errstate(over="ignore"):
        s = np.array(s).astype(dtype)[()]
    assert_alike(arithmetic, x, x[::-1].copy(), s, np.zeros((len(x), 14), dtype), block=len(x), rtol=0.0)


@kernel
def quotients(x, y, z):
    i = cuda.threadIdx.x
    z[i, 0] = x[i] / y[i]
    z[i, 1] = 1 / y[i]
    z[i, 2] = x[i] / 3
    z[i, 0] /= 2j


@DTYPES
def test_quotients_have_the_bits_of_the_compiled_kernel(dtype):
    x, y = pairs(dtype)
    x, y = x[y != 0], y[y != 0]
    assert_alike(quotients, x, y, np.zeros((len(x), 3), dtype), block=len(x), rtol=0.0)


def test_a_division_by_zero_ends_the_thread_and_is_an_error_in_checked_mode():
    x, y = np.ones(3, np.complex64), np.array([1, 0, 2], np.complex64)
    launch = quotients[1, 3](x, y, np.zeros((3, 3), np.complex64))
    with pytest.raises(Raised, match=r"thread \(1, 0, 0\): ZeroDivisionError: complex division by zero, at .*x\[i\] /"):
        launch.interpret()
    fast, emulated = (quotients[1, 3](x, y, np.zeros((3, 3), np.complex64)) for _ in range(2))
    fast.interpret(checked=False)
    emulated.emulate(contracted=False)
    assert fast.args[-1].tobytes() == emulated.args[-1].tobytes()
    assert not fast.args[-1][1].any()
    assert fast.args[-1][2].all()


NAMES = (
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "log", "log10", "sin", "sinh", "sqrt"),
    *("tan", "tanh", "isnan", "isinf", "isfinite"),
)
FUNCTIONS = (
    *(f"cmath.{name}(x[i])" for name in NAMES),
    *("cmath.polar(x[i])[0]", "cmath.polar(x[i])[1]", "cmath.rect(x[i].real, y[i].imag)", "cmath.phase(x[i])"),
    *("abs(x[i])", "x[i] ** 2", "x[i] ** y[i]", "x[i] ** 0.5", "x[i].real ** y[i]", "pow(x[i], y[i])"),
    *(
        "cmath.sqrt(x[i].real)",
        "cmath.exp(2)",
        "cmath.log(x[i], 2.5)",
        "np.complex64(x[i])",
        "np.complex128(x[i].real)",
    ),
)


@DTYPES
def test_functions_are_those_of_numba(dtype):
    """Their formulas are Numba's own; functions of math within them differ from libdevice's in the last bits."""
    x, y = pairs(dtype)
    for text in FUNCTIONS:
        source = f"def f(x, y, z):\n    i = cuda.threadIdx.x\n    z[i] = {text}\n"
        z = np.zeros(len(x), np.float64 if "phase" in text else np.complex128)
        assert_alike(kernel_from(source, cuda=cuda, cmath=cmath, np=np), x, y, z, rtol=1e-6, block=len(x))


@device
def rotated(z, turns):
    return z * 1j**turns


@kernel
def memories(x, y, *, BLOCK=8):
    i = cuda.threadIdx.x
    shared = cuda.shared.array(BLOCK, np.complex64)
    local = cuda.local.array(2, "complex128")
    shared[i] = rotated(x[i], 2)
    cuda.syncthreads()
    local[0] = shared[BLOCK - 1 - i]
    local[1] = np.complex64(0.1) + FACTOR
    y[i] = local[0] * local[1] + TABLE[i % 2]


FACTOR = 2 - 1j
TABLE = np.array([1j, 0.5], np.complex64)


def test_complex_numbers_lie_in_all_memories():
    x = np.random.default_rng(0).normal(size=16).view(np.complex128)
    assert_alike(memories, x.astype(np.complex64), np.zeros(8, np.complex64), rtol=1e-6, block=8)


@kernel
def real_of(x, y):
    y[0] = x[0]


@kernel
def ordered(x, y):
    y[0] = x[0] < x[1]


@kernel
def added_atomically(x, y):
    cuda.atomic.add(x, 0, y[0])


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (real_of, r"complex64 does not convert to float32: take its real part, \.real"),
        (ordered, r"lt\(complex64, complex64\) is not supported by Numba"),
        (added_atomically, "cuda.atomic.add does not take an array of complex64"),
    ],
)
def test_what_numba_does_not_compile_is_refused(function, says):
    with pytest.raises(Unsupported, match=says):
        function[1, 1](np.ones(2, np.complex64), np.ones(2, np.float32)).interpret()


def test_a_complex_argument_is_a_complex128():
    x, y = pairs(np.complex128)
    assert_alike(arithmetic, x, y, 1.5 - 2j, np.zeros((len(x), 14), np.complex128), block=len(x), rtol=0.0)


@kernel
def parts_of_an_array(z, m, y):
    i = cuda.threadIdx.x
    cuda.atomic.add(z.real, i, 10)
    z.imag[i] = z.real[i] * 2
    y[i] = m.real[i, 1] - m[:, 1].imag[i]
    y[i] += z.imag.size


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_the_parts_of_an_array_are_views_of_it(dtype):
    z, m = np.arange(4).astype(dtype) * (1 + 2j), np.arange(12).astype(dtype).reshape(4, 3) * (1 - 1j)
    z, _, y = assert_alike(parts_of_an_array, z, m, np.zeros(4), block=4)
    assert z.tolist() == [(10 + n) * (1 + 2j) for n in range(4)]
    assert y.tolist() == [2 * (3 * n + 1) + 4 for n in range(4)]


@kernel
def leaves_a_part(z):
    z.imag[z.size] = 1


def test_an_access_outside_a_part_is_told_of_the_array():
    with pytest.raises(OutOfBounds, match=r"is out of bounds for shape \(3,\)"):
        leaves_a_part[1, 1](np.ones(3, complex)).interpret(checked=True)
