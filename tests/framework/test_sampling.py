"""Mini-batches as a pure function of seed and step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.sampling import Sampler, epoch_order

sizes = st.integers(1, 40)
seeds = st.integers(0, 2**63)


@given(n=sizes, size=sizes, seed=seeds, epochs=st.integers(1, 4))
def test_every_epoch_shows_every_example_once(n, size, seed, epochs):
    steps = -(-n * epochs // size)
    seen = np.concatenate([Sampler(n, size, seed)(step) for step in range(steps)])[: n * epochs]
    np.testing.assert_array_equal(np.sort(seen.reshape(epochs, n)), np.tile(np.arange(n), (epochs, 1)))


@given(n=sizes, size=sizes, seed=seeds, step=st.integers(0, 10**12))
def test_a_step_depends_on_nothing_but_seed_and_step(n, size, seed, step):
    first = Sampler(n, size, seed)(step)
    epoch_order.cache_clear()
    Sampler(n + 1, size, seed + 1)(0)
    np.testing.assert_array_equal(Sampler(n, size, seed)(step), first)
    assert first.shape == (size,)
    assert first.dtype == np.int64


def test_a_batch_straddles_two_epochs():
    batch = Sampler(n=10, size=4, seed=3)(step=2)
    np.testing.assert_array_equal(batch, [*epoch_order(10, 3, 0)[8:], *epoch_order(10, 3, 1)[:2]])


def test_epochs_and_seeds_differ_in_order():
    orders = [epoch_order(100, seed, epoch).tolist() for seed, epoch in [(0, 0), (0, 1), (1, 0), (1, 1)]]
    assert len({tuple(order) for order in orders}) == 4


def test_the_caller_may_change_what_it_got():
    Sampler(n=8, size=8, seed=0)(step=0)[:] = -1
    assert Sampler(n=8, size=8, seed=0)(step=0).min() == 0


@pytest.mark.parametrize("wrong", [{"n": 0}, {"size": 0}, {"seed": -1}])
def test_impossible_samplers_are_refused(wrong):
    with pytest.raises(ValueError, match="must be at least"):
        Sampler(**{"n": 5, "size": 2, "seed": 0, **wrong})


def test_a_step_before_the_first_is_refused():
    with pytest.raises(ValueError, match="step -1 must be at least 0"):
        Sampler(n=5, size=2, seed=0)(-1)
