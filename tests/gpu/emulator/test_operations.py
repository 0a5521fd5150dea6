"""What the compiler makes of every rung, executed by the CPU, computes what the reference computes."""

import pytest

from tests.helpers.cases import large, small
from tests.helpers.checks import assert_close
from tests.helpers.operations import BACKWARD_RUNGS, FORWARD_RUNGS, OPERATIONS

TILES = pytest.mark.parametrize("tiny", [False, True], ids=["default", "tiny"])


def cases(name, direction, rung, tiny):
    """Random ones, and with default tiles one that takes several of them and leaves ragged edges."""
    return (*small(name, direction, rung, tiny), *(() if tiny else large(name, f"{direction} {rung}")[:1]))


@TILES
@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_forward_as_it_is_compiled_equals_the_reference(name, rung, tiny):
    for case in cases(name, "forward", rung, tiny):
        got = case.trial.forward("emulate", rung=rung, tiny=tiny)
        assert_close(got, case.forward, OPERATIONS[name].tolerance)


@TILES
@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_backward_as_it_is_compiled_equals_the_reference(name, rung, tiny):
    for case in cases(name, "backward", rung, tiny):
        got = case.trial.backward("emulate", case.saved, rung=rung, tiny=tiny)
        assert_close(got, case.backward, OPERATIONS[name].tolerance)
