"""Addition: forward, in place, and back to both sides."""

import re

import numpy as np
import pytest

from kernels.operation import ShapeError
from kernels.operations.add import cpu, cuda, reference
from tests.helpers.running import KINDS, backward, forward, random


@pytest.mark.parametrize("kind", KINDS)
def test_order_does_not_matter(kind):
    a, b = random(2, 3, 5), random(2, 3, 5, seed=1)
    np.testing.assert_array_equal(forward("add", kind, a=a, b=b)["y"], forward("add", kind, a=b, b=a)["y"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_may_be_written_over_the_first_array(kind):
    a, b = random(40), random(40, seed=1)
    expected = a + b
    if kind == "interpret":
        for launch in cuda.forward(a=a, b=b, y=a, tiny=True):
            launch.interpret()
    else:
        {"reference": reference, "cpu": cpu}[kind].forward(a, b, a)
    np.testing.assert_array_equal(a, expected)


@pytest.mark.parametrize("module", [reference, cpu])
def test_a_delta_error_that_nobody_wants_is_not_written(module):
    dy, db = random(3, 4), np.empty((3, 4), np.float32)
    module.backward(dy, None, db)
    np.testing.assert_array_equal(db, dy)


def test_a_delta_error_that_nobody_wants_is_not_launched():
    dy, da = random(3, 4), np.empty((3, 4), np.float32)
    assert len(cuda.backward(dy=dy, da=da, db=None)) == 1
    assert cuda.backward(dy=dy, da=None, db=None) == []


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_receive_the_delta_error_itself(kind):
    dy = random(2, 5)
    gradients = backward("add", kind, a=dy, b=dy, dy=dy)
    np.testing.assert_array_equal(gradients["da"], dy)
    np.testing.assert_array_equal(gradients["db"], dy)


def test_different_shapes_are_refused():
    with pytest.raises(ShapeError, match=re.escape("add: a (2, 3) and b (3, 2) must have the same shape")):
        forward("add", "cpu", a=random(2, 3), b=random(3, 2))
