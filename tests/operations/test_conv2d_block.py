"""Convolution and what follows it in one delivery: sums of all algorithms are finished, and none twice."""

import numpy as np
import pytest

from kernels.bench.trial import Trial
from kernels.operation import ShapeError
from kernels.operations.conv2d_block import CHANNELS, FUNCTIONS, ORDERS, operation
from kernels.operations.conv2d_block.cpu import forward
from tests.helpers import running
from tests.helpers.checks import assert_close, assert_same

# Of more channels than a block of lanes has, and not of full blocks; and of several jobs, of which the last is short.
SIZES = {
    "direct": {"x": (2, 5, 40, 41), "w": (70, 5, 3, 2)},
    "strips": {"x": (2, 5, 9, 13), "w": (81, 5, 3, 2)},
    "pixels": {"x": (2, 5, 40, 41), "w": (7, 5, 3, 2)},
    "winograd": {"x": (2, 9, 40, 41), "w": (70, 9, 3, 3)},
}


def trial(algorithm, **others):
    case = {**SIZES[algorithm], "padding": (1, 0), **others}
    case["b"] = (case["w"][0],)
    return Trial.of_shape(operation, case, np.random.default_rng(0))


def normalized(algorithm):
    return dict.fromkeys(CHANNELS, SIZES[algorithm]["w"][:1])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("algorithm", SIZES)
def test_each_algorithm_finishes_what_it_stores(algorithm, function, order):
    for channels in ({}, normalized(algorithm)):
        case = trial(algorithm, function=function, order=order, **channels)
        assert forward.choose({**case.shapes, **case.settings}).name == algorithm
        assert_close(case.forward("cpu"), case.forward("reference"), operation.tolerance)


@pytest.mark.parametrize("algorithm", SIZES)
def test_relu_alone_changes_no_bit_of_what_it_leaves(algorithm):
    case = trial(algorithm, function="relu")
    inputs = {name: case.arrays[name] for name in ("x", "w", "b")}
    y = running.forward("conv2d", "cpu", {"padding": (1, 0)}, **inputs)["y"]
    assert_same(case.forward("cpu"), {"y": np.maximum(y, 0)})


@pytest.mark.parametrize("algorithm", SIZES)
def test_what_is_no_number_is_not_made_one(algorithm):
    case = trial(algorithm, function="relu", **normalized(algorithm))
    case.arrays["x"][0, 0, 4, 4] = np.nan
    expected = np.isnan(case.forward("cpu", rung="apart")["y"])
    found = np.isnan(case.forward("cpu")["y"])
    assert expected.any()
    assert not found.all()
    assert (found | ~expected).all()  # Winograd's tiles spread it over a whole tile


def test_normalization_is_all_there_or_not_at_all():
    with pytest.raises(
        ShapeError, match=r"^conv2d_block: gamma alone: all of gamma, beta, running_mean, .* are needed"
    ):
        trial("direct", gamma=(70,))
    with pytest.raises(ShapeError, match=r"^conv2d_block: unknown order 'both'; choose from normalization first"):
        trial("direct", order="both")
