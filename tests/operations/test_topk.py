"""Top k: what must hold of it besides what tests/operations/test_operations.py asks of every operation."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernels.operation import ShapeError
from kernels.operations.topk import operation
from tests.helpers.running import float64_in, trial
from tests.helpers.strategies import trials

every_implementation = pytest.mark.parametrize(
    ("kind", "rung"), [("reference", None), ("cpu", None), ("interpret", 1), ("interpret", 2), ("interpret", 3)]
)
TRICKY = (math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0, 3e38)


def topk(kind, rung, x, k, column=-1):
    """(value, index) of an array (R, N, C), or of the N values of one picture."""
    x = np.asarray(x, np.float32)
    got = trial("topk", {"k": k, "column": column}, x=x.reshape(1, -1, 1) if x.ndim == 1 else x).forward(
        kind, rung=rung
    )
    return (got["value"][0], got["index"][0]) if x.ndim == 1 else (got["value"], got["index"])


def permutations(longest):
    return st.integers(1, longest).flatmap(lambda n: st.permutations(range(n)))


@every_implementation
@given(data=st.data())
def test_is_a_sort_by_falling_value_then_row_with_nan_last(kind, rung, data):
    x = data.draw(
        hnp.arrays(np.float32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=20), elements=st.sampled_from(TRICKY))
    )
    R, N, C = x.shape
    k, column = data.draw(st.integers(1, N)), data.draw(st.integers(-C, C - 1))
    value, index = topk(kind, rung, x, k, column)
    for r in range(R):
        score = x[r, :, column].tolist()
        expected = sorted(range(N), key=lambda n: (math.isnan(score[n]), 0 if math.isnan(score[n]) else -score[n], n))
        assert index[r].tolist() == expected[:k]
        np.testing.assert_array_equal(value[r], x[r, expected[:k], column])


@every_implementation
def test_of_equal_values_the_one_in_the_lower_row_comes_first(kind, rung):
    value, index = topk(kind, rung, [1, 2, 1, 2, 0, 2], 5)
    assert value.tolist() == [2, 2, 2, 1, 1]
    assert index.tolist() == [1, 3, 5, 0, 2]


@every_implementation
def test_zero_and_minus_zero_are_equal(kind, rung):
    _, index = topk(kind, rung, [-0.0, 0.0, -0.0, 0.0], 4)
    assert index.tolist() == [0, 1, 2, 3]


@every_implementation
def test_nan_is_lower_than_minus_infinity_but_is_not_lost(kind, rung):
    value, index = topk(kind, rung, [math.nan, -math.inf, math.nan, 5], 4)
    assert index.tolist() == [3, 1, 0, 2]
    assert value[:2].tolist() == [5, -math.inf]
    assert np.isnan(value[2:]).all()


@every_implementation
@given(order=permutations(40), data=st.data())
def test_permuting_the_rows_permutes_the_indices_and_no_value(kind, rung, order, data):
    k = data.draw(st.integers(1, len(order)))
    x = np.random.default_rng(len(order)).permutation(len(order)).astype(np.float32)
    value, index = topk(kind, rung, x, k)
    value_after, index_after = topk(kind, rung, x[list(order)], k)
    np.testing.assert_array_equal(value_after, value)
    np.testing.assert_array_equal(np.take(order, index_after), index)


@every_implementation
@given(one=trials(operation), data=st.data())
def test_a_smaller_k_gives_the_beginning_of_the_same_list(kind, rung, one, data):
    whole = one.forward(kind, rung=rung)
    k = data.draw(st.integers(1, one.settings["k"]))
    value, index = topk(kind, rung, one.arrays["x"], k, one.settings["column"])
    np.testing.assert_array_equal(value, whole["value"][:, :k])
    np.testing.assert_array_equal(index, whole["index"][:, :k])


@every_implementation
@given(one=trials(operation))
def test_pictures_and_columns_do_not_look_at_each_other(kind, rung, one):
    together = one.forward(kind, rung=rung)
    for r, picture in enumerate(one.arrays["x"]):
        value, index = topk(kind, rung, picture[:, one.settings["column"]], one.settings["k"])
        np.testing.assert_array_equal(value, together["value"][r])
        np.testing.assert_array_equal(index, together["index"][r])


@every_implementation
@given(one=trials(operation))
def test_a_rising_function_of_the_values_changes_no_index(kind, rung, one):
    x, (k, column) = np.round(one.arrays["x"] * 8), one.settings.values()
    _, index = topk(kind, rung, x, k, column)
    np.testing.assert_array_equal(topk(kind, rung, 2 * x - 1, k, column)[1], index)


@pytest.mark.parametrize("kind", ["cpu", "interpret"])
def test_a_whole_picture_of_anchors_in_the_order_of_a_sort(kind):
    x = np.random.default_rng(0).normal(size=600).round(2)
    _, index = topk(kind, None, x, 600)
    np.testing.assert_array_equal(index, np.argsort(-x, kind="stable"))


def test_compiles_without_float64():
    assert not float64_in("topk", "forward", {"k": 3, "column": 1}, x=np.ones((2, 5, 3)))


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        ((5, 2), {"k": 1}, "x (5, 2) must have 3 sizes (R, N, C) of at least 1"),
        ((1, 5, 2), {"k": 6}, "k 6 must be at least 1 and at most 5, the rows of x (1, 5, 2)"),
        ((1, 5, 2), {"k": 0}, "k 0 must be at least 1 and at most 5, the rows of x (1, 5, 2)"),
        ((1, 5, 2), {"k": 1, "column": 2}, "unknown column 2 of x (1, 5, 2); choose from -2 to 1"),
        ((1, 5, 2), {"k": 1, "column": -3}, "unknown column -3 of x (1, 5, 2); choose from -2 to 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(x, settings, message):
    with pytest.raises(ShapeError, match=re.escape(f"topk: {message}")):
        trial("topk", settings, x=np.zeros(x))
