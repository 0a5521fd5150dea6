"""datetime64 and timedelta64, interpreted in both modes and emulated; NaT among them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.gpu import compiler, kernel
from kernels.gpu.interpreter import Undefined, Unsupported
from tests.gpu.alike import assert_alike, pretended_gpu

EPOCH = np.datetime64("2000-01-01", "D")
WEEK = np.timedelta64(7, "D")
NAT = np.iinfo(np.int64).min
# Up to here the sums and products below fit into 64 bits: of more Numba promises LLVM that there are none.
DAYS = st.sampled_from([NAT, -1, 0, 1]) | st.integers(-(2**40), 2**40)
FACTORS = st.sampled_from([-1, 0, 1, 7, -3, 1000])


@kernel
def arithmetic_of_times(d, t, u, f, y, moments, spans, seconds):
    """d datetime64[D]; t timedelta64[D]; u timedelta64[s]."""
    for i in range(d.size):
        moments[i, 0], moments[i, 1], moments[i, 2] = d[i] + t[i], t[i] + d[i], d[i] - t[i]
        moments[i, 3] = d[i] + WEEK
        spans[i, 0], spans[i, 1], spans[i, 2] = d[i] - d[0], t[i] + t[0], t[i] - t[0]
        spans[i, 3], spans[i, 4], spans[i, 5] = -t[i], abs(t[i]), +t[i]
        spans[i, 6], spans[i, 7] = d[i] - EPOCH, t[i] * f[i]
        spans[i, 8], spans[i, 9], spans[i, 10] = 3 * t[i], t[i] / f[i], t[i] // f[i]
        seconds[i, 0], seconds[i, 1] = t[i] + u[i], u[i] - t[i]
        y[i, 0], y[i, 1] = t[i] / t[0], t[i] / u[i]
        y[i, 2], y[i, 3] = int(t[i]) // 2, np.int64(d[i]) // 2


@kernel
def comparisons_of_times(d, t, u, y):
    for i in range(d.size):
        y[i, 0], y[i, 1], y[i, 2] = d[i] < d[0], d[i] <= d[0], d[i] == d[0]
        y[i, 3], y[i, 4], y[i, 5] = d[i] != d[i], d[i] > EPOCH, d[i] >= EPOCH
        y[i, 6], y[i, 7], y[i, 8] = t[i] < u[i], t[i] == u[i], t[i] != u[0]
        y[i, 9], y[i, 10] = np.isnat(d[i]), np.isnat(t[i])


@given(st.lists(st.tuples(DAYS, DAYS, DAYS, FACTORS), min_size=1, max_size=4))
def test_times_are_computed_as_by_the_compiled_kernel(rows):
    days, spans, seconds, factors = (np.array(column) for column in zip(*rows, strict=True))
    d, t, u = days.view("M8[D]"), spans.view("m8[D]"), seconds.view("m8[s]")
    n = len(rows)
    results = np.zeros((n, 4), "M8[D]"), np.zeros((n, 11), "m8[D]"), np.zeros((n, 2), "m8[s]")
    assert_alike(arithmetic_of_times, d, t, u, factors, np.zeros((n, 4)), *results)
    *_, y = assert_alike(comparisons_of_times, d, t, u, np.zeros((n, 11)))
    assert np.array_equal(y[:, 0], d < d[0])
    assert np.array_equal(y[:, 6], t < u)


@kernel
def scaled_by_floats(t, f, y):
    for i in range(t.size):
        y[i, 0], y[i, 1] = t[i] * f[i], t[i] / f[i]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spans_take_floats(dtype):
    t = np.array([5, -5, NAT, 7, 3]).view("m8[s]")
    f = np.array([1.5, 2.25, 1, np.nan, 0.1], dtype)
    assert_alike(scaled_by_floats, t, f, np.zeros((5, 2), "m8[s]"))
    for checked in (True, False):
        with pytest.raises(Undefined):
            scaled_by_floats[1, 1](t[:1], np.array([1e30], dtype), np.zeros((5, 2), "m8[s]")).interpret(checked)


@kernel
def kept_and_sliced(d, day, t):
    latest = day
    for moment in d[1:]:
        if moment > latest:
            latest = moment
    t[0] = latest - day
    d.view(np.int64)[0] = 11


def test_times_are_kept_in_variables_and_given_as_arguments():
    d = np.array(["2024-01-01", "2024-03-01", "NaT", "2024-02-28"], "M8[D]")
    for checked in (True, False):
        given_, t = d.copy(), np.zeros(1, "m8[D]")
        kept_and_sliced[1, 1](given_, np.datetime64("2024-02-01", "D"), t).interpret(checked)
        assert t[0] == np.timedelta64(29, "D")
        assert given_[0] == np.datetime64(11, "D")


@kernel
def takes_span(d, span):
    d[0] = d[0] + span


def test_a_span_may_be_given_as_an_argument():
    for checked in (True, False):
        d = np.array(["2024-02-28"], "M8[D]")
        takes_span[1, 1](d, np.timedelta64(2, "D")).interpret(checked)
        assert d[0] == np.datetime64("2024-03-01")


@kernel
def adds_moments(d, t):
    d[0] = d[0] + d[1]


@kernel
def stores_seconds(d, t):
    d[0] = d[0] + t[0]


@kernel
def asks_truth(d, t):
    if t[0]:
        d[0] = d[1]


@kernel
def stores_number(d, t):
    t[0] = 5


@pytest.mark.parametrize("kernel", [adds_moments, stores_seconds, asks_truth, stores_number], ids=lambda k: k.name)
def test_what_numba_does_not_compile_is_refused(kernel):
    d, t = np.zeros(2, "M8[D]"), np.zeros(2, "m8[s]")
    for checked in (True, False):
        with pytest.raises(Unsupported):
            kernel[1, 1](d, t).interpret(checked)
    with pretended_gpu(), pytest.raises(compiler.CompileError):
        kernel[1, 1](d, t).ptx("sm_90")


@kernel
def by_the_calendar(months, d, t):
    t[0] = d[0] - months[0]


def test_what_goes_by_the_calendar_is_refused():
    launch = by_the_calendar[1, 1](np.zeros(1, "M8[M]"), np.zeros(1, "M8[D]"), np.zeros(1, "m8[D]"))
    with pytest.raises(Unsupported, match="goes by the calendar"):
        launch.interpret()
