"""The interpreter and the emulator write what the compiled kernel does: the cases of agreement.py."""

import numpy as np
import pytest

from tests.gpu.agreement import CASES


def assert_same_bits(found, expected):
    """Of NaN, which has many, it is enough to be NaN."""
    assert found.dtype == expected.dtype
    assert np.array_equal(np.isnan(found), np.isnan(expected)), (found, expected)
    is_number = ~np.isnan(expected)
    assert found[is_number].tobytes() == expected[is_number].tobytes(), (found, expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_compiled_they_are_the_instructions_that_the_expectation_was_read_off(case):
    text = case.launch().ptx("sm_90")
    for instruction in case.instructions:
        assert instruction in text


@pytest.mark.parametrize("checked", [False, True], ids=["fast", "checked"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_interpreted_they_write_what_the_compiled_kernel_writes(case, checked):
    launch = case.launch()
    launch.interpret(checked)
    assert_same_bits(launch.args[-1], case.expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_emulated_they_write_it_as_well(case):
    launch = case.launch()
    launch.emulate()
    assert_same_bits(launch.args[-1], case.expected)
