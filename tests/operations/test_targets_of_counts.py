"""Targets of the detector's loss by counts that are given: of any cut of a batch they are those of the whole."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from tests.helpers.checks import assert_close
from tests.helpers.running import KINDS, float64_in, forward
from tests.helpers.strategies import cuts, trials

ASSIGN, OPERATION = (all_operations()[name] for name in ("assign_targets", "targets_of_counts"))


@pytest.mark.parametrize("kind", KINDS)
@given(whole=trials(ASSIGN), data=st.data())
def test_any_cut_of_a_batch_has_the_targets_of_the_whole(kind, whole, data):
    matched, levels = whole.arrays["matched"], {"levels": whole.settings["levels"]}
    slices, expected = data.draw(cuts(len(matched))), whole.forward("reference")
    counts = sum(forward("anchor_counts", kind, levels, matched=matched[cut])["counts"] for cut in slices)
    for cut in slices:
        got = forward("targets_of_counts", kind, whole.settings, matched=matched[cut], counts=counts)
        assert_close(got, {name: values[cut] for name, values in expected.items()}, 1e-6)


def test_compiles_without_float64():
    arrays = {"matched": np.zeros((2, 3)), "counts": np.zeros((2, 2))}
    assert not float64_in("targets_of_counts", "forward", {"levels": (2, 1)}, **arrays)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"matched": (3,)}, "matched (3,) must have 2 sizes (R, N) of at least 1"),
        ({"counts": (2, 2)}, "counts (2, 2) must be (1, 2)"),
        ({"normalise": "faces"}, "unknown normalise 'faces'; choose from anchors, positives"),
        ({"levels": (1, 1)}, "levels (1, 1) must each be at least 1 and add up to the 3 anchors of matched (2, 3)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(changed, message):
    given = {"matched": (2, 3), "counts": (1, 2), **OPERATION.settings, **changed}
    with pytest.raises(ShapeError, match=f"^{re.escape(f'targets_of_counts: {message}')}$"):
        OPERATION.shapes(**given)
