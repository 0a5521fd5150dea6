"""Sums, extremes and other functions of whole arrays in a kernel: as compiled, bit by bit, and told of their line."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import config

from kernels.gpu import cuda, float32, int64, kernel
from kernels.gpu.interpreter import DataRace, OutOfBounds, Raised, Uninitialised, Unsupported
from tests.gpu.alike import assert_alike, kernel_from

NAMES = {"np": np, "math": math, "cuda": cuda, "float32": float32}
METHODS = ("sum", "prod", "mean", "var", "argmin", "argmax", "any", "all")
FUNCTIONS = (*METHODS, "nansum", "nanprod", "nanmean", "nanvar", "count_nonzero", "size")
SHAPES = {"x": "a vector", "m": "a matrix", "m.T": "its columns", "m[:, 1]": "one of them", "m[1:, ::2]": "a part"}


def of_dtype(dtype):
    """A vector and a matrix of numbers, some of them zero."""
    rng = np.random.default_rng(5)
    if dtype == np.bool_:
        return rng.random(9) < 0.5, rng.random((3, 4)) < 0.9
    low = -3 if np.dtype(dtype).kind in "fi" else 0
    found = [rng.integers(low, 4, shape).astype(dtype) for shape in (9, (3, 4))]
    if np.dtype(dtype).kind == "f":
        found = [each + rng.normal(size=each.shape).astype(dtype) for each in found]
    return found


def kernel_of(expressions, parameters="x, m, y"):
    lines = [f"    y[{n}] = {each}" for n, each in enumerate(expressions)]
    return kernel_from(f"def f({parameters}):\n" + "\n".join(lines) + "\n", **NAMES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int32, np.int64, np.uint8, np.bool_])
def test_sums_means_and_the_like_have_the_bits_of_the_compiled_kernel(dtype):
    x, m = of_dtype(dtype)
    methods = [f"{array}.{name}()" for array in SHAPES for name in METHODS]
    functions = [f"np.{name}({array})" for array in ("x", "m.T") for name in FUNCTIONS]
    builtin = ["sum(x)", "max(x)", "min(x)", "1 in x", "9 in m"] * (dtype != np.bool_)
    wanted = [*methods, *functions, *builtin, "x[2:3].item()", "x[0].item()", "x.flat[3]", "m.T.flat[3]"]
    (_, _, found) = assert_alike(kernel_of(wanted), x, m, np.zeros(len(wanted)), rtol=0.0)
    by_numpy = [float(eval(each, {"np": np}, {"x": x, "m": m, "sum": sum})) for each in wanted]
    assert np.allclose(found, by_numpy, equal_nan=True, rtol=1e-4)


def test_roots_of_variances_are_nearly_those_of_the_compiled_kernel():
    x, m = of_dtype(np.float64)
    assert_alike(kernel_of(["x.std()", "np.std(m)", "np.nanstd(m.T)"]), x, m, np.zeros(3), rtol=1e-14)


@given(st.lists(st.floats(width=32), min_size=1, max_size=6))
def test_extremes_and_sums_take_not_a_number_as_the_compiled_kernel_does(numbers):
    x = np.array(numbers, np.float32)
    wanted = ["max(x)", "min(x)", "x.argmax()", "np.argmin(x)", "x.sum()", "np.nansum(x)", "np.nanmean(x)", "x.any()"]
    assert_alike(KEPT.setdefault("extremes", kernel_of(wanted)), x, x.reshape(1, -1), np.zeros(len(wanted)))


KEPT: dict = {}


def test_what_is_given_by_name_and_by_type():
    x, m = of_dtype(np.float64)
    wanted = ["x.sum(dtype=np.float32)", "np.sum(m, dtype=np.int64)", "np.argmax(x, axis=None)", "np.average(x)"]
    wanted += ["np.searchsorted(x, 0.5)", "np.searchsorted(x, 0.5, side='right')", "np.digitize(0.5, x)", "np.trace(m)"]
    wanted += ["np.shape(m)[1]", "np.asarray(x)[1]", "np.sinc(x[0])", "np.isscalar(x[0])", "m[0].sum() + m[1].mean()"]
    assert_alike(kernel_of(wanted), np.sort(x), m, np.zeros(len(wanted)), rtol=1e-15)


def test_extremes_for_which_numba_makes_an_array(monkeypatch):
    monkeypatch.setattr(config, "CUDA_ENABLE_NRT", True)
    x, m = np.array([2.0, np.nan, -1.0]), of_dtype(np.int32)[1]
    wanted = ["np.max(x)", "np.nanmax(x)", "np.nanmin(x)", "x[2:].min()", "m.max()", "np.amin(m.T)", "np.min(m[1])"]
    (_, _, found) = assert_alike(kernel_of(wanted), x, m, np.zeros(7), ways=("interpret", "checked"))
    assert np.array_equal(found, [np.nan, 2, -1, -1, m.max(), m.min(), m[1].min()], equal_nan=True)


def test_complex_numbers_are_added_up():
    z = np.array([1 + 2j, 3 - 1j, 0.5j])
    assert_alike(kernel_of(["z.sum()", "np.prod(z)", "z.mean()"], "z, y"), z, np.zeros(3, complex))


@kernel
def per_block(x, shares, y):
    """Each thread sets a row of shared memory; one of them adds up all."""
    shared = cuda.shared.array((4, 8), float32)
    i = cuda.threadIdx.x
    shared[i].fill(x[cuda.blockIdx.x, i])
    np.maximum(shared[i], shares, shared[i])
    cuda.syncthreads()
    if i == 0:
        y[cuda.blockIdx.x] = shared.sum() + shared[1:, 2].mean()


def test_shared_memory_is_added_up():
    x, shares = np.arange(12, dtype=np.float32).reshape(3, 4) / 7, np.linspace(0, 1, 8, dtype=np.float32)
    assert_alike(per_block, x, shares, np.zeros(3, np.float32), grid=3, block=4)


# What a fault in them says


@kernel
def sums_too_early(x, y):
    shared = cuda.shared.array(4, float32)
    i = cuda.threadIdx.x
    shared[i] = x[i]
    y[i] = shared.sum()


def test_an_element_that_nobody_wrote_is_told_of_the_line_of_the_call():
    with pytest.raises(Uninitialised, match=r"shared\[1\] of shape \(4,\) is read .* y\[i\] = shared.sum\(\)"):
        sums_too_early[1, 4](np.ones(4, np.float32), np.ones(4, np.float32)).interpret()


@kernel
def sums_while_another_writes(x, y):
    i = cuda.threadIdx.x
    x[i + 4] = float32(i)
    y[i] = x[:5].sum()


def test_a_race_is_told_of_the_line_of_the_call():
    with pytest.raises(DataRace, match=r"x\[4\].*y\[i\] = x\[:5\].sum\(\)"):
        sums_while_another_writes[1, 4](np.ones(8, np.float32), np.ones(4, np.float32)).interpret()


@pytest.mark.parametrize(
    ("line", "kind", "says"),
    [
        ("y[0] = x.item()", Raised, r"item\(\) of an array of several elements, at .*: y\[0\] = x.item\(\)"),
        ("y[0] = max(x[:0])", Raised, r"StopIteration, at .*: y\[0\] = max\(x\[:0\]\)"),
        ("y[0] = x.flat[9]", OutOfBounds, r"x\[9\] is out of bounds for shape \(9,\)"),
        ("y[0] = m.flat[12]", OutOfBounds, r"m\[3, 0\] is out of bounds for shape \(3, 4\)"),
        ("np.maximum(x, x[:4], y)", OutOfBounds, r"x\[:4\]\[4\] is out of bounds for shape \(4,\), a view of x"),
    ],
)
def test_what_goes_wrong_in_them_is_told(line, kind, says):
    f = kernel_from(f"def f(x, m, y):\n    {line}\n", **NAMES)
    with pytest.raises(kind, match=says):
        f[1, 1](*of_dtype(np.float64), np.zeros(9)).interpret()


def test_a_thread_that_stops_in_one_writes_no_more():
    f = kernel_from("def f(x, m, y):\n    y[0] = 1\n    y[1] = max(x[:0])\n", **NAMES)
    y = np.zeros(2)
    f[1, 1](*of_dtype(np.float64), y).interpret(checked=False)
    assert list(y) == [1, 0]


# Functions of NumPy that set an array

LOOPS = """np.maximum(x, b, y)
np.maximum(x[:1], 2, y)
np.minimum(m, x[:5], m)
np.minimum(x[:5], m, m)
np.maximum(m.T, m.T, m.T)
np.maximum(m.T[:2, 1:], m[0, :3], m[:2, :3])
np.minimum(x[:-1], x[1:], x[1:])
np.minimum(x[::-1], x, x)
np.maximum(k, 3, k)
np.maximum(k, x, y)
np.divide(k, k, y)
np.less(x, b, y)
np.isnan(x, y)
np.logical_and(x, k, y)
np.left_shift(k, 2, k)
np.invert(k, k)
np.maximum(1, 2, y)
out = np.maximum(x, b, y); out[0] = 3
x.flat[2] = 1
m.flat[5] = m.flat[6] + m.T.flat[1]
m[1:, 1:].flat[3] += m[1:, 1:].flat[2]"""


@pytest.mark.parametrize("line", LOOPS.splitlines())
def test_an_array_is_set_as_the_compiled_kernel_sets_it(line):
    rng = np.random.default_rng(6)
    x, b, m, k = rng.normal(size=12), rng.normal(size=12), rng.normal(size=(4, 5)), rng.integers(0, 9, 12)
    x[3] = np.nan
    f = KEPT.setdefault(line, kernel_from(f"def f(x, b, m, k, y):\n    {line}\n", **NAMES))
    assert_alike(f, x, b, m, k, np.zeros(12))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("y[0] = np.maximum(x, x)[0]", "np.maximum of arrays takes the array that it is to set, behind all others"),
        ("np.maximum(x, m, y)", "np.maximum: 1-D array of float64 has fewer axes than what it is computed from"),
        ("np.maximum(x, x, k)", r"maximum\(array\(float64, 1d, C\), .*\) is not supported by Numba"),
        ("y[0] = x.max()", "max.* makes an array, for which Numba's runtime is off: set NUMBA_CUDA_ENABLE_NRT=1"),
        ("y[0] = np.nanmin(x)", "nanmin.* makes an array, for which Numba's runtime is off"),
        ("y[0] = m.sum(axis=0)[0]", "is not supported"),
        ("for v in np.nditer(x): y[0] = v.item()", "np.nditer is not supported: go over x.flat"),
        ("y[0] = np.sum(x, where=3)", "is not supported by Numba with these arguments: .* 'where'"),
    ],
)
def test_what_is_not_supported_is_refused(line, says):
    f = kernel_from(f"def f(x, m, k, y):\n    {line}\n", **NAMES)
    with pytest.raises(Unsupported, match=says):
        f[1, 1](*of_dtype(np.float64), np.zeros(9, np.int64), np.zeros(9)).interpret()


@pytest.mark.parametrize(
    "asked",
    [
        "isinstance(x, float)", "isinstance(x[0], float)", "isinstance(k, (int, float))", "isinstance(k, (str, float))",
        "isinstance(k, (np.int64, np.int32))", "isinstance((1, 2), tuple)", "isinstance(None, int)",
    ],
)  # fmt: skip
def test_isinstance_is_decided_before_the_kernel_runs(asked):
    lines = f"    if {asked}:\n        y[0] = x.size\n    else:\n        y[0] = x[1] + k\n"
    assert_alike(kernel_from(f"def f(x, k, y):\n{lines}", **NAMES), np.ones(3), int64(4), np.zeros(1))


def test_iterators_are_asked_for_the_next_item():
    lines = "it = iter(x)\n    y[0] = next(it)\n    for v in it: y[1] += v\n    for v in iter((1, 2)): y[2] += v"
    assert_alike(kernel_from(f"def f(x, y):\n    {lines}\n", **NAMES), np.arange(5.0), np.zeros(3))
