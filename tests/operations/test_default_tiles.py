"""Every rung with the tiles that a GPU gets, interpreted: several blocks and tiles, and none of them full.

Other tests interpret tiny tiles, so that small arrays go round every loop. Here the arrays are larger than the tiles.
That they are is measured: in each kernel some thread goes at least twice round each loop over blocks, tiles or parts,
and along each axis of the grid that a kernel looks at there is more than one block.
"""

import ast
import sys
import weakref
from collections import Counter, defaultdict

import pytest

from kernels.gpu.interpreter import rewritten
from kernels.gpu.source import reachable
from tests.helpers.cases import LARGE, large
from tests.helpers.checks import assert_close
from tests.helpers.operations import BACKWARD_RUNGS, FORWARD_RUNGS, OPERATIONS

# Loops that end in their first turn, whatever the arrays: what they go through is shorter than the block.
ONCE = {
    ("overlap_bits", "place"): "32 boxes of four values, for 256 threads",
    ("forward_strip", "k"): "16 boxes, for 256 threads",
    ("fill_from_parts", "part"): "at most 64 parts, for 256 threads",
}
# Where a kernel is one block along an axis by what the rung does.
ALONE = {
    "reduce forward 1: reduce_thread x",
    "reduce forward 1: norm_thread x",
    "reduce forward 2: reduce_rest x",
    "reduce forward 2: norm_rest x",
    "reduce forward 3: reduce_rest x",
    "reduce forward 3: norm_rest x",
    "anchor_counts forward 1: count_level x",
    "anchor_counts forward 2: count_part x",
    "assign_targets forward 1: count_level x",
    "assign_targets forward 2: count_part x",
    # Sums that are not cut into parts.
    "conv2d forward 4: product_registers z",
    "conv2d forward 5: product_registers z",
    "conv2d forward 6: product_placed z",
    "conv2d forward 6: product_registers z",
    "linear forward 3: product_registers z",
    "linear backward 3: product_registers z",
    "linear forward 4: product_placed z",
    "linear backward 4: product_placed z",
}


@pytest.fixture
def turns(monkeypatch):
    """The most turns of each loop over numbers that is interpreted, by its file and line."""
    most = Counter()

    def counted(*arguments):
        found, frame = range(*arguments), sys._getframe(1)
        place = frame.f_code.co_filename, frame.f_lineno
        most[place] = max(most[place], len(found))
        return found

    monkeypatch.setitem(rewritten.HELPERS, "$range", counted)
    monkeypatch.setattr(rewritten, "_programs", weakref.WeakKeyDictionary())
    return most


def strides(source):
    """(line, variable) of the loops in a kernel or device function that go on by more than one."""
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.For) and len(node.iter.args) == 3:
            yield node.iter.lineno, node.target.id


def axes(source):
    """The axes of the grid that a kernel or device function looks at."""
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "cuda.blockIdx":
            yield node.attr


def assert_past(runner, launches, turns):
    """Each loop has gone round, and each axis has several blocks, in one of the launches of each kernel."""
    of_kernel = defaultdict(list)
    for launch in launches:
        of_kernel[launch.kernel.name].append(launch)
    for name, several in of_kernel.items():
        for source in {source for launch in several for source in reachable(launch.kernel.source)}:
            for line, variable in strides(source):
                least = 1 if (name, variable) in ONCE else 2
                assert turns[source.file, line] >= least, f"{name}: the loop over {variable} ends in its first turn"
            for axis in axes(source):
                blocks = max(launch.grid["xyz".index(axis)] for launch in several)
                assert (blocks == 1) == (f"{runner}: {name} {axis}" in ALONE), f"{name}: {blocks} blocks along {axis}"


@pytest.mark.parametrize(("name", "rung"), [each for each in FORWARD_RUNGS if each[0] in LARGE])
def test_forward_equals_reference(name, rung, turns):
    launches = []
    for case in large(name, f"forward {rung}"):
        got = case.trial.forward("interpret", rung=rung, tiny=False, checked=not case.fast)
        assert_close(got, case.forward, OPERATIONS[name].tolerance)
        launches += case.trial.launches("forward", rung)
    assert_past(f"{name} forward {rung}", launches, turns)


@pytest.mark.parametrize(("name", "rung"), [each for each in BACKWARD_RUNGS if each[0] in LARGE])
def test_backward_equals_reference(name, rung, turns):
    launches = []
    for case in large(name, f"backward {rung}"):
        got = case.trial.backward("interpret", case.saved, rung=rung, tiny=False, checked=not case.fast)
        assert_close(got, case.backward, OPERATIONS[name].tolerance)
        launches += case.trial.launches("backward", rung)
    assert_past(f"{name} backward {rung}", launches, turns)
