"""float16: what is converted as in the compiled kernel, and operations that round once.

Numba leaves the operations of two float16 to functions that are linked to a kernel, which the emulator has not: they
are held against exact fractions here.
"""

import textwrap
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import cuda, float32, kernel
from kernels.gpu.interpreter import Unsupported
from tests.gpu.alike import assert_alike, kernel_from

X = np.array([1.5, -2.25, 0.1, 65504, 6e-8, -0.5, 2.5, -0.0], np.float16)

COMPILED = (
    *("y[i] = x[i]", "y[i] = x[i] + 1", "y[i] = x[i] + np.float32(0.1)", "y[i] = x[i] * 2.5", "y[i] = float32(x[i])"),
    *("y[i] = np.float16(0.1)", "y[i] = np.float16(i)", "y[i] = x[i] // x[i + 1]", "y[i] = x[i] ** 2"),
    *("y[i] = int(x[i])", "y[i] = round(x[i])", "x[i] = 0.1|y[i] = x[i]", "x[i] = i|y[i] = x[i]", "y[i] = x[i] > 1"),
    *("x[i] += 1|y[i] = x[i]", "y[i] = x[i] if i else 2", "y[i] = np.int8(x[i])", "y[i] = x[i] + i"),
    "s = cuda.shared.array(4, np.float16)|s[i] = x[i]|cuda.syncthreads()|y[i] = s[3 - i]",
    "s = cuda.local.array(4, 'float16')|s[0] = x[i]|y[i] = s[0]",
)


@pytest.mark.parametrize("body", COMPILED)
def test_conversions_are_those_of_the_compiled_kernel(body):
    lines = textwrap.indent(body.replace("|", "\n"), "    ")
    function = kernel_from(f"def f(x, y):\n    i = cuda.threadIdx.x\n{lines}\n", cuda=cuda, np=np, float32=float32)
    x = X[[0, 1, 2, 5, 6, 7]] if "int8" in body else X
    assert_alike(function, x, np.zeros(8), block=4, rtol=0.0)


@kernel
def operations(a, b, c, y, z):
    y[0], y[1], y[2] = a + b, a - b, a * b
    y[3] = a / b
    y[4], y[5] = -a, abs(a)
    y[6] = cuda.fp16.hfma(a, b, c)
    y[7], y[8] = cuda.fp16.hadd(a, b), cuda.fp16.hdiv(a, b)
    y[9], y[10] = cuda.fp16.hmax(a, b), cuda.fp16.hmin(a, b)
    y[11], y[12] = cuda.fp16.hneg(a), cuda.fp16.habs(a)
    z[0], z[1] = a < b, a == b
    z[2], z[3] = cuda.fp16.hlt(a, b), cuda.fp16.hge(a, b)


FUNCTIONS = ("sin", "cos", "exp", "exp2", "log", "log2", "log10", "sqrt", "floor", "ceil", "rint", "trunc")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_rounded_once(name):
    function = kernel_from(f"def f(x, y):\n    i = cuda.threadIdx.x\n    y[i] = cuda.fp16.h{name}(x[i])\n", cuda=cuda)
    y = np.zeros_like(X)
    function[1, X.size](X, y).interpret()
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(X.astype(np.float64)).astype(np.float16)
    assert np.array_equal(y, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(y), np.signbit(wanted))


def nearest(exact):
    """The float16 nearest to a fraction, of two the even one: found among its neighbours."""
    limit = Fraction(65520)
    if abs(exact) >= limit:
        return np.float16(np.inf if exact > 0 else -np.inf)
    guess = np.float16(float(exact))
    candidates = [guess, np.nextafter(guess, np.float16(np.inf)), np.nextafter(guess, np.float16(-np.inf))]
    finite = [candidate for candidate in candidates if np.isfinite(candidate)]
    return min(finite, key=lambda f: (abs(Fraction(float(f)) - exact), int(f.view(np.uint16)) & 1))


floats16 = st.floats(width=16, allow_nan=False, allow_infinity=False)
least = 2.0**-24
not_zero = st.floats(least, 65504, width=16) | st.floats(-65504, -least, width=16)


@given(floats16, not_zero, floats16)
def test_operations_round_once(a, b, c):
    one, other, third = map(Fraction, (a, b, c))
    exact = [one + other, one - other, one * other, one / other, -one, abs(one), one * other + third]
    expected = [*map(nearest, exact), nearest(one + other), nearest(one / other)]
    expected += [np.float16(v) for v in (max(a, b), min(a, b), -a, abs(a))]
    for checked in (False, True):
        y, z = np.zeros(13, np.float16), np.zeros(4, np.int32)
        operations[1, 1](*map(np.float16, (a, b, c)), y, z).interpret(checked)
        np.testing.assert_array_equal(y, np.array(expected))
        assert list(z) == [a < b, a == b, a < b, a >= b]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max(x[0], x[1])", r"max of float16 is not supported: convert by float32\(...\), or cuda.fp16.hmax"),
        ("cuda.fp16.hcosh(x[0])", "cuda.fp16.hcosh is not supported"),
        ("cuda.atomic.add(x, 0, x[1])", "cuda.atomic.add does not take an array of float16"),
    ],
)
def test_what_is_not_supported_is_refused(text, problem):
    with pytest.raises(Unsupported, match=problem):
        kernel_from(f"def f(x):\n    x[0] = {text}\n", cuda=cuda)[1, 1](X.copy()).interpret()
