"""The layout of the arena: what lives at the same time never shares bytes."""

from hypothesis import given
from hypothesis import strategies as st

from framework.arena import ALIGNMENT, Block, place


@st.composite
def lives(draw):
    first = draw(st.integers(0, 20))
    return Block(draw(st.integers(1, 5000)), first, draw(st.integers(first, 25)))


def end(blocks):
    return max((offset + block.size for block, offset in zip(blocks, place(blocks), strict=True)), default=0)


@given(st.lists(lives(), max_size=30))
def test_blocks_alive_at_one_step_do_not_overlap(blocks):
    placed = list(zip(blocks, place(blocks), strict=True))
    for i, (a, start) in enumerate(placed):
        assert start >= 0
        assert start % ALIGNMENT == 0
        for b, other in placed[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert start + a.size <= other or other + b.size <= start


@given(st.lists(lives(), max_size=30))
def test_the_arena_is_no_larger_than_all_blocks_side_by_side(blocks):
    assert end(blocks) <= sum(-(-b.size // ALIGNMENT) * ALIGNMENT for b in blocks)


def test_blocks_that_never_meet_share_their_bytes():
    assert place([Block(1000, step, step) for step in range(10)]) == [0] * 10


def test_the_largest_stands_first_and_the_next_takes_the_lowest_address_that_is_free():
    assert place([Block(100, 0, 9), Block(1000, 0, 5), Block(700, 6, 9)]) == [1024, 0, 0]
