"""Moving averages: what rests is reached, and what a step weighs fades as a power."""

import numpy as np
import pytest

from kernels.device import find_device
from kernels.operation import find_operation

OPERATION = find_operation("moving_average")


def averaged(device, average, values, rate):
    """The average after it has seen all values, one after the other."""
    for value in values:
        arrays = {"x": value, "rate": np.array([rate], np.float32), "average": average}
        average = find_device(device).run(OPERATION, "forward", arrays)["average"]
    return average


@pytest.mark.parametrize("device", ["reference", "cpu", "interpret"])
def test_what_a_step_weighs_fades_as_a_power(device):
    zeros, ones = np.zeros(13, np.float32), np.ones(13, np.float32)
    after_one = averaged(device, zeros, [ones], 0.25)
    np.testing.assert_allclose(after_one, 0.25 * ones, rtol=1e-6)
    np.testing.assert_allclose(averaged(device, after_one, 3 * [zeros], 0.25), 0.25 * 0.75**3 * ones, rtol=1e-6)


@pytest.mark.parametrize("device", ["reference", "cpu", "interpret"])
def test_an_average_of_what_rests_is_that_itself(device):
    x = np.random.default_rng(0).standard_normal(13).astype(np.float32)
    np.testing.assert_array_equal(averaged(device, x, 5 * [x], 0.3), x)
