"""The divisors of the detector's loss: those of shares add up to those of the whole batch."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.operation import ShapeError, all_operations
from kernels.operations.labels import BACKGROUND, IGNORED_ANCHOR
from tests.helpers.running import KINDS, float64_in, forward
from tests.helpers.strategies import cuts, trials

ANCHOR_COUNTS = all_operations()["anchor_counts"]


def counted(kind, matched, **settings):
    return forward("anchor_counts", kind, settings, matched=matched)["counts"]


@pytest.mark.parametrize("kind", KINDS)
def test_counts_by_hand(kind):
    none, out = BACKGROUND, IGNORED_ANCHOR
    matched = [[none, 3, out, none], [none, 0, none, out]]
    np.testing.assert_array_equal(counted(kind, matched), [[6, 2]])
    np.testing.assert_array_equal(counted(kind, matched, levels=(1, 3)), [[2, 0], [4, 2]])


@pytest.mark.parametrize("kind", KINDS)
@given(trial=trials(ANCHOR_COUNTS), data=st.data())
def test_those_of_any_cut_of_a_batch_add_up_to_those_of_the_whole(kind, trial, data):
    matched = trial.arrays["matched"]
    parts = [counted(kind, matched[cut], **trial.settings) for cut in data.draw(cuts(len(matched)))]
    np.testing.assert_array_equal(sum(parts), trial.forward("reference")["counts"])


def test_compiles_without_float64():
    assert not float64_in("anchor_counts", "forward", {"levels": (2, 1)}, matched=np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("shape", "levels", "message"),
    [
        ((3,), (), "matched (3,) must have 2 sizes (R, N) of at least 1"),
        ((2, 3), (3, 0), "levels (3, 0) must each be at least 1 and add up to the 3 anchors of matched (2, 3)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(shape, levels, message):
    with pytest.raises(ShapeError, match=f"^{re.escape(f'anchor_counts: {message}')}$"):
        counted("cpu", np.zeros(shape), levels=levels)
