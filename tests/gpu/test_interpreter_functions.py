"""Functions of math, operator, NumPy and libdevice: the interpreter computes what Numba compiles for a GPU."""

import math
import operator

import numpy as np
import pytest
from numba.cuda import libdevice

from kernels.gpu import cuda
from kernels.gpu.interpreter import Unsupported
from tests.gpu.alike import assert_alike, kernel_from

VALUES = (0.0, -0.0, 0.5, -1.5, 2.5, -3.25, 1e-40, 7e5, math.inf, -math.inf, math.nan)
INTEGERS = (0, 1, -1, 5, -7, 100, -128, 127)
NAMES = {"math": math, "operator": operator, "np": np, "libdevice": libdevice, "cuda": cuda}


def assert_function_alike(text, values, rtol=0.0):
    """`text` is an expression of a and b: of every pair of the values."""
    pairs = np.array([(a, b) for a in values for b in values], values.dtype)
    source = f"def f(x, y):\n    i = cuda.threadIdx.x\n    a, b = x[i, 0], x[i, 1]\n    y[i] = {text}\n"
    assert_alike(kernel_from(source, **NAMES), pairs, np.zeros(len(pairs)), rtol=rtol, block=len(pairs))


EXACT = (
    *("math.frexp(a)[0]", "math.frexp(a)[1]", "math.modf(a)[0]", "math.modf(a)[1]", "math.ldexp(a, 3)"),
    *("math.ldexp(a, -140)", "math.ldexp(a, 2000)", "operator.add(a, b)", "operator.sub(a, 1)", "operator.mul(a, b)"),
    *("operator.truediv(a, 3)", "operator.lt(a, b)", "operator.eq(a, b)", "operator.neg(a)", "operator.not_(a)"),
    *("operator.iadd(a, b)", "np.divide(a, b)", "np.maximum(a, b)", "np.minimum(a, b)", "np.fmax(a, b)"),
    *("np.fmin(a, b)", "np.maximum(a, 1)", "np.greater(a, b)", "np.less_equal(a, b)", "np.equal(a, b)"),
    *("np.not_equal(a, b)", "np.logical_and(a, b)", "np.logical_or(a, b)", "np.logical_xor(a, b)"),
    *("np.logical_not(a)", "np.isnan(a)", "np.conjugate(a)", "np.real(a)", "np.imag(a)", "np.degrees(a)"),
    *("np.deg2rad(a)", "np.finfo(np.float32).eps + a", "np.iinfo(np.int16).max + a"),
)
EXACT_OF_LIBDEVICE = (
    *("fabs(a)", "floor(a)", "ceil(a)", "trunc(a)", "rint(a)", "round(a)", "fmax(a, b)", "fmin(a, b)"),
    *("copysign(a, b)", "sqrt(abs(a))", "fma(a, b, 1.5)", "frexp(a)[1]", "modf(a)[0]", "ldexp(a, 5)"),
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("text", EXACT)
def test_what_is_exact_has_the_bits_of_the_compiled_kernel(text, dtype):
    assert_function_alike(text, np.array(VALUES, dtype))


@pytest.mark.parametrize("text", EXACT_OF_LIBDEVICE)
def test_functions_of_libdevice_that_are_exact(text):
    assert_function_alike(f"libdevice.{text}", np.array(VALUES))
    name, _, arguments = text.partition("(")
    assert_function_alike(f"libdevice.{name}f({arguments}", np.array(VALUES, np.float32))


NEARLY = (
    *(f"np.{n}(a)" for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "log", "log2", "log10", "arcsin", "arccos")),
    *(f"np.{n}(a)" for n in ("arctan", "arcsinh", "arccosh", "arctanh")),
    *("np.arctan2(a, b)", "np.hypot(a, b)", "libdevice.sincos(a)[0]", "libdevice.sincos(a)[1]", "libdevice.rsqrt(a)"),
    *("libdevice.sinf(a)", "libdevice.cbrt(a)", "libdevice.exp(a)", "libdevice.erff(a)", "libdevice.tgamma(abs(a))"),
)


@pytest.mark.parametrize("text", NEARLY)
def test_other_functions_agree_but_for_their_last_bits(text):
    moderate = np.array([v for v in VALUES if not 1e5 < abs(v) < math.inf])
    assert_function_alike(text, moderate, rtol=1e-6)
    assert_function_alike(text, moderate.astype(np.float32), rtol=1e-6)


OF_INTEGERS = (
    *("operator.floordiv(a, 3)", "operator.mod(a, 3)", "operator.pow(a, 2)", "operator.and_(a, b)"),
    *("operator.xor(a, b)", "operator.lshift(a, 2)", "operator.rshift(a, 1)", "operator.invert(a)"),
    *("operator.contains((1, 5), a)", "libdevice.brevll(a)"),
    *("np.divide(a, b)", "np.maximum(a, b)", "np.fmin(a, b)", "np.bitwise_and(a, b)", "np.bitwise_or(a, b)"),
    *("np.bitwise_xor(a, b)", "np.left_shift(a, 3)", "np.right_shift(a, 1)", "np.invert(a)", "np.isnan(a)"),
    *("np.logical_xor(a, b)", "np.less(a, b)", "np.invert(a > b)", "np.bitwise_xor(a > 0, b > 0)"),
    *("libdevice.popc(a)", "libdevice.clz(a)", "libdevice.ffs(a)", "libdevice.brev(a)", "libdevice.popcll(a)"),
    *("libdevice.isnand(a)", "libdevice.dadd_rn(a, b)", "libdevice.fmul_rn(a, b)"),
)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
@pytest.mark.parametrize("text", OF_INTEGERS)
def test_functions_of_integers_have_the_bits_of_the_compiled_kernel(text, dtype):
    assert_function_alike(text, np.array(INTEGERS, dtype))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("np.exp(x[0])", "np.exp is not supported: math.exp instead of np.exp"),
        ("np.left_shift(x[0], 1)", r"np.left_shift\(float32, int64\) is not supported by Numba"),
        ("np.sin(1j)", r"np.sin\(complex128\) of complex numbers is not supported"),
        ("np.maximum(x[0])", r"np.maximum takes 2 numbers, given 1"),
        ("np.greater(np.uint64(1), np.int64(2))", "convert both to one type"),
        ("np.finfo(x).max", "np.finfo takes a type of numbers, not 1-D array of float32"),
        ("libdevice.fast_sinf(x[0])", "libdevice.fast_sinf is"),
        ("math.frexp(x[0], 1)", "math.frexp with 2 arguments"),
    ],
)
def test_what_is_not_supported_is_refused(text, problem):
    with pytest.raises(Unsupported, match=problem):
        kernel_from(f"def f(x):\n    x[0] = {text}\n", **NAMES)[1, 1](np.ones(2, np.float32)).interpret()
