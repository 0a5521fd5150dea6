"""Mini-batches as a pure function of seed and step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.sampling import batch_indices, epoch_order

sizes = st.integers(1, 40)
seeds = st.integers(0, 2**63)


@given(n=sizes, size=sizes, seed=seeds, epochs=st.integers(1, 4))
def test_every_epoch_shows_every_example_once(n, size, seed, epochs):
    steps = -(-n * epochs // size)
    seen = np.concatenate([batch_indices(n, size, seed, step) for step in range(steps)])[: n * epochs]
    np.testing.assert_array_equal(np.sort(seen.reshape(epochs, n)), np.tile(np.arange(n), (epochs, 1)))


@given(n=sizes, size=sizes, seed=seeds, step=st.integers(0, 10**12))
def test_a_step_depends_on_nothing_but_seed_and_step(n, size, seed, step):
    first = batch_indices(n, size, seed, step)
    epoch_order.cache_clear()
    batch_indices(n + 1, size, seed + 1, 0)
    np.testing.assert_array_equal(batch_indices(n, size, seed, step), first)
    assert first.shape == (size,)
    assert first.dtype == np.int64


def test_a_batch_straddles_two_epochs():
    batch = batch_indices(n=10, size=4, seed=3, step=2)
    np.testing.assert_array_equal(batch, [*epoch_order(10, 3, 0)[8:], *epoch_order(10, 3, 1)[:2]])


def test_epochs_and_seeds_differ_in_order():
    orders = [epoch_order(100, seed, epoch).tolist() for seed, epoch in [(0, 0), (0, 1), (1, 0), (1, 1)]]
    assert len({tuple(order) for order in orders}) == 4


def test_the_caller_may_change_what_it_got():
    batch_indices(n=8, size=8, seed=0, step=0)[:] = -1
    assert batch_indices(n=8, size=8, seed=0, step=0).min() == 0


@pytest.mark.parametrize("wrong", [{"n": 0}, {"size": 0}, {"seed": -1}, {"step": -1}])
def test_impossible_requests_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"{next(iter(wrong))} {next(iter(wrong.values()))}"):
        batch_indices(**{"n": 5, "size": 2, "seed": 0, "step": 0, **wrong})
