"""Concatenation: by hand, taken apart again, as an adjoint pair, associative, and each side by itself."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from kernels.operations.concat import cpu, cuda, reference
from tests.helpers.running import KINDS, backward, float64_in, forward, random
from tests.helpers.strategies import trials

CONCAT = all_operations()["concat"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_of_the_second_follow_those_of_the_first(kind):
    a, b = [[[1, 2]], [[3, 4]]], [[[5, 6], [7, 8]], [[9, 10], [11, 12]]]
    y = forward("concat", kind, a=a, b=b)["y"]
    np.testing.assert_array_equal(y, [[[1, 2], [5, 6], [7, 8]], [[3, 4], [9, 10], [11, 12]]])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(CONCAT))
def test_backward_takes_apart_what_forward_joined(kind, trial):
    a, b = trial.arrays["a"], trial.arrays["b"]
    gradients = backward("concat", kind, a=a, b=b, dy=trial.forward(kind)["y"])
    np.testing.assert_array_equal(gradients["da"], a)
    np.testing.assert_array_equal(gradients["db"], b)


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(CONCAT))
def test_gradients_are_the_adjoint_of_forward(kind, trial):
    a, b, dy = (trial.arrays[name].astype(np.float64) for name in ("a", "b", "dy"))
    run = trial.forward(kind)
    gradients = trial.backward(kind, run)
    expected = np.vdot(a, gradients["da"]) + np.vdot(b, gradients["db"])
    np.testing.assert_allclose(np.vdot(run["y"], dy), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@given(sizes=st.tuples(*[st.integers(1, 5)] * 3))
def test_three_levels_may_join_from_either_end(kind, sizes):
    a, b, c = (random(2, size, 3, seed=size) for size in sizes)

    def joined(a, b):
        return forward("concat", kind, a=a, b=b)["y"]

    np.testing.assert_array_equal(joined(joined(a, b), c), joined(a, joined(b, c)))


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_not_finite_stay_what_they_are(kind):
    a, b = np.array([[[np.nan], [1]]], np.float32), np.array([[[np.inf], [-np.inf]]], np.float32)
    np.testing.assert_array_equal(forward("concat", kind, a=a, b=b)["y"], np.concatenate([a, b], axis=1))


@pytest.mark.parametrize("module", [reference, cpu])
def test_a_delta_error_that_nobody_wants_is_not_written(module):
    dy, da, db = random(2, 5, 3), np.empty((2, 2, 3), np.float32), np.empty((2, 3, 3), np.float32)
    module.backward(dy, da, None)
    module.backward(dy, None, db)
    np.testing.assert_array_equal(np.concatenate([da, db], axis=1), dy)


def test_a_delta_error_that_nobody_wants_is_not_launched():
    dy, db = random(2, 5, 3), np.empty((2, 3, 3), np.float32)
    (launch,) = cuda.backward(dy=dy, da=None, db=db, tiny=True)
    launch.interpret()
    np.testing.assert_array_equal(db, dy[:, 2:])
    assert cuda.backward(dy=dy, da=None, db=None) == []


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_compiles_without_float64(direction):
    assert not float64_in("concat", direction, a=np.ones((2, 3, 5)), b=np.ones((2, 1, 5)))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((2, 3), (2, 3, 4), "a (2, 3) must have 3 sizes (R, M, N) of at least 1"),
        ((2, 3, 4), (2, 0, 4), "b (2, 0, 4) must have 3 sizes (R, P, N) of at least 1"),
        ((2, 3, 4), (1, 3, 4), "a (2, 3, 4) and b (1, 3, 4) must agree in their first and last size"),
        ((2, 3, 4), (2, 1, 5), "a (2, 3, 4) and b (2, 1, 5) must agree in their first and last size"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(a, b, message):
    with pytest.raises(ShapeError, match=re.escape(f"concat: {message}")):
        forward("concat", "cpu", a=np.ones(a), b=np.ones(b))
