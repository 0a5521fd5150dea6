"""The memory of a GPU that is not there: given out without overlap, found by address, and which bytes are written."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kernels.gpu.driver.memory import LEAST_GAP, PAGE, POISON, DeviceMemory, OutOfMemory

CAPACITY = 2**22
SIZES = st.one_of(st.integers(0, 64), st.integers(0, 5 * PAGE), st.integers(0, CAPACITY // 2))


class Allocations(RuleBasedStateMachine):
    """A memory beside a list of what should be in it: each allocation with a copy of its bytes, written or not."""

    @initialize(quarantine=st.sampled_from([0, 2**16, 2**28]))
    def start(self, quarantine):
        self.memory = DeviceMemory(CAPACITY, PAGE, quarantine)
        self.model = []  # (allocation, which of its bytes are written, what was written)

    @rule(size=SIZES)
    def allocate(self, size):
        used = sum(each.size for each, _, _ in self.model)
        if used + size > CAPACITY:
            with pytest.raises(OutOfMemory):
                self.memory.allocate(size)
            return
        try:
            found = self.memory.allocate(size)
        except OutOfMemory:  # there is room, but in pieces
            assert self.memory.top > CAPACITY
            return
        assert (self.view(found) == POISON).all()
        self.model.append((found, np.zeros(size, bool), np.full(size, POISON, np.uint8)))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def free(self, data):
        found, _, _ = self.model.pop(data.draw(st.integers(0, len(self.model) - 1)))
        assert self.memory.free(found.address) is found
        assert self.memory.free(found.address) is None

    @precondition(lambda self: any(each.size for each, _, _ in self.model))
    @rule(data=st.data(), value=st.integers(0, 255))
    def write(self, data, value):
        candidates = [each for each in self.model if each[0].size]
        found, written, content = candidates[data.draw(st.integers(0, len(candidates) - 1))]
        start = data.draw(st.integers(0, found.size - 1))
        stop = data.draw(st.integers(start, found.size))
        self.view(found)[start:stop] = content[start:stop] = value
        written[start:stop] = True
        self.memory.mark(found.address + start, stop - start)

    @rule()
    def settle(self):
        self.memory.settle()
        assert all(each.is_whole == written.all() for each, written, _ in self.model if each.size)

    def view(self, found):
        return self.memory.view(found.address, (found.size,), np.uint8)

    @invariant()
    def all_is_as_it_should_be(self):
        for found, written, content in self.model:
            assert np.array_equal(self.view(found), content)
            offset = found.address - self.memory.address
            assert np.array_equal(
                self.memory.written[offset : offset + found.size].astype(bool) | found.is_whole, written
            )

    @invariant()
    def allocations_lie_apart(self):
        found = sorted((each.address, each.end) for each, _, _ in self.model)
        assert all(end + LEAST_GAP <= start for (_, end), (start, _) in pairwise(found))
        assert self.memory.used == sum(each.size for each, _, _ in self.model)

    @invariant()
    def the_right_allocation_is_found(self):
        for found, _, _ in self.model:
            for address in {found.address, found.address + found.size // 2, found.address + max(found.size - 1, 0)}:
                assert self.memory.at(address) is found
            assert self.memory.at(found.address - 1) is None
            assert self.memory.at(found.end + (found.size == 0)) is None


TestAllocations = Allocations.TestCase


def test_addresses_that_were_given_back_are_given_out_last():
    memory = DeviceMemory(2**20)
    first = memory.allocate(100)
    memory.free(first.address)
    others = [memory.allocate(100).address for _ in range(5)]
    assert first.address not in others


def test_memory_can_be_given_out_again_and_again():
    memory = DeviceMemory(2**20)
    for _ in range(1000):
        memory.free(memory.allocate(2**19).address)
    assert memory.used == 0
