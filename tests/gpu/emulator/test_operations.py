"""What the compiler makes of every rung, executed by the CPU, computes what the reference computes.

With tiny tiles the interpreter runs beside it. Compiled without contraction, every product and every sum is rounded as
the source says, so both must write the same bits; but for exp, log and pow, which the interpreter asks of NumPy. In
whatever order blocks and threads run, the bits stay.
"""

import numpy as np
import pytest
from hypothesis import settings

from tests.helpers.cases import large, small
from tests.helpers.checks import assert_close, assert_same
from tests.helpers.operations import BACKWARD_RUNGS, FORWARD_RUNGS, OPERATIONS

# Operations whose kernels call functions of libdevice, which are within an ulp or two of NumPy's.
WITH_LIBDEVICE = (
    "activation", "cross_entropy", "focal_loss", "overlap_loss", "quality_focal_loss", "softmax",
    "softmax_cross_entropy",
)  # fmt: skip

# Cases of each rung: 6 in a quick run, and as many more as Hypothesis, too, would try in a thorough one.
CASES = max(6, settings().max_examples // 5)


def check(case, direction, **how):
    if direction == "forward":
        return case.trial.forward(**how), case.forward
    return case.trial.backward(forward=case.saved, **how), case.backward


def check_default(name, direction, rung):
    """Random cases, and one that takes several tiles and leaves ragged edges, of the fewest launches to compile."""
    tiled = large(name, f"{direction} {rung}")
    one = sorted(tiled, key=lambda case: len(case.trial.launches(direction, rung)))[:1]
    for case in (*small(name, direction, rung, tiny=False, most=CASES), *one):
        got, expected = check(case, direction, device="emulate", rung=rung)
        assert_close(got, expected, OPERATIONS[name].tolerance)


def check_tiny(name, direction, rung):
    for number, case in enumerate(small(name, direction, rung, tiny=True, most=CASES)):
        how = {"rung": rung, "tiny": True}
        got, expected = check(case, direction, device="emulate", contracted=False, **how)
        assert_close(got, expected, OPERATIONS[name].tolerance)
        for shuffled in (1, 2):
            again, _ = check(case, direction, device="emulate", contracted=False, seed=shuffled, **how)
            assert_same(again, got)
        if number < 2:
            interpreted, _ = check(case, direction, device="interpret", checked=False, **how)
            tolerance = 1e-6 if name in WITH_LIBDEVICE else 0
            for array, values in interpreted.items():
                np.testing.assert_allclose(got[array], values, rtol=tolerance, atol=tolerance, err_msg=array)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_forward_as_it_is_compiled_equals_the_reference(name, rung):
    check_default(name, "forward", rung)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_backward_as_it_is_compiled_equals_the_reference(name, rung):
    check_default(name, "backward", rung)


@pytest.mark.parametrize(("name", "rung"), FORWARD_RUNGS)
def test_forward_with_tiny_tiles_equals_reference_and_interpreter(name, rung):
    check_tiny(name, "forward", rung)


@pytest.mark.parametrize(("name", "rung"), BACKWARD_RUNGS)
def test_backward_with_tiny_tiles_equals_reference_and_interpreter(name, rung):
    check_tiny(name, "backward", rung)
