"""The cases for a GPU are what they are chosen for: of all operations, not too hard, and sharing compilations.

That large ones fill several blocks and tiles, tests/operations/test_default_tiles.py finds while it interprets them.
"""

import pytest

from kernels.commands.targets import Target
from kernels.operation import find_operation
from tests.helpers import ROOT
from tests.helpers.cases import LARGE, compilations, large, small
from tests.helpers.checks import assert_close
from tests.helpers.operations import BACKWARD_RUNGS, FORWARD_RUNGS, OPERATIONS, WITH_LADDERS, cpu_rungs

FOLDER = ROOT / "kernels" / "operations"


def test_every_operation_that_has_kernels_is_tried_on_a_gpu():
    """The folders themselves are asked, not the list that the tests run over."""
    ladders = {path.relative_to(FOLDER).parts[0] for path in FOLDER.glob("*/cuda*")}
    for direction, tried in (("forward", FORWARD_RUNGS), ("backward", BACKWARD_RUNGS)):
        having = {name: getattr(find_operation(name).implementation("cuda"), direction, ()) for name in ladders}
        ours = {(name, rung) for name, rung in tried if name in ladders}
        assert ours == {(name, rung + 1) for name, ladder in having.items() for rung in range(len(ladder))}
    assert set(LARGE) == ladders


@pytest.mark.parametrize("name", OPERATIONS)
def test_on_the_cpu_large_cases_equal_the_reference(name):
    """So they are not too hard for float32, and are past the constants of the CPU's kernels."""
    operation = OPERATIONS[name]
    for case in large(name, "cpu"):
        for rung in cpu_rungs(name, "forward"):
            assert_close(case.trial.forward("cpu", rung=rung), case.forward, operation.tolerance)
        for rung in cpu_rungs(name, "backward") if operation.gradients else ():
            assert_close(case.trial.backward("cpu", case.saved, rung=rung), case.backward, operation.tolerance)


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
