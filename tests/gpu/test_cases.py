"""The cases for a GPU are what they are chosen for: large ones fill several blocks, small ones share compilations."""

import math

import pytest

from kernels.commands.targets import Target
from tests.helpers.cases import compilations, large, small
from tests.helpers.checks import assert_close
from tests.helpers.operations import OPERATIONS, WITH_LADDERS

# Kernels that are one block by what they do: the end of a sum, a sum by one thread, and one thread for each picture.
ALONE = {"reduce_rest", "reduce_thread", "scan_words", "forward_picture"}


@pytest.mark.parametrize("name", WITH_LADDERS)
def test_each_kernel_has_several_blocks_in_a_large_case(name):
    operation = WITH_LADDERS[name]
    for direction in operation.directions:
        for rung in Target(operation, direction).rungs:
            most: dict[str, int] = {}
            for case in large(name):
                for launch in case.trial.launches(direction, rung):
                    blocks = max(math.prod(launch.grid), most.get(launch.kernel.name, 0))
                    most[launch.kernel.name] = blocks
            assert {kernel for kernel, blocks in most.items() if blocks == 1} <= ALONE, most


@pytest.mark.parametrize("name", OPERATIONS)
def test_large_cases_are_not_too_hard_for_float32(name):
    """Integers that the reference finds, and sums of many values, are found in float32 on a CPU too."""
    operation = OPERATIONS[name]
    for case in large(name):
        assert_close(case.trial.forward("cpu"), case.forward, operation.tolerance)
        if operation.gradients:
            assert_close(case.trial.backward("cpu", case.saved), case.backward, operation.tolerance)


@pytest.mark.parametrize("name", WITH_LADDERS)
def test_small_cases_share_their_compilations(name):
    operation = WITH_LADDERS[name]
    for direction in operation.directions:
        for rung in Target(operation, direction).rungs:
            for sets in (1, 2):
                cases = small(name, direction, rung, tiny=True, sets=sets)
                assert len(cases) > 0
                needed = {frozenset(compilations(case.trial, direction, rung, tiny=True)) for case in cases}
                assert len(needed) <= sets
