"""The memory plan: what lives at the same time never shares bytes."""

from hypothesis import given
from hypothesis import strategies as st

from framework.arena import ALIGNMENT, Block, plan


@st.composite
def lives(draw):
    first = draw(st.integers(0, 20))
    return Block(draw(st.integers(1, 5000)), first, draw(st.integers(first, 25)))


@given(st.lists(lives(), max_size=30))
def test_blocks_alive_at_one_step_do_not_overlap(blocks):
    total = plan(blocks)
    for i, a in enumerate(blocks):
        assert a.offset >= 0
        assert a.offset % ALIGNMENT == 0
        assert a.offset + a.size <= total
        for b in blocks[:i]:
            if a.first <= b.last and b.first <= a.last:
                assert a.offset + a.size <= b.offset or b.offset + b.size <= a.offset


@given(st.lists(lives(), max_size=30))
def test_the_arena_is_no_larger_than_all_blocks_side_by_side(blocks):
    assert plan(blocks) <= sum(-(-b.size // ALIGNMENT) * ALIGNMENT for b in blocks)


def test_blocks_that_never_meet_share_their_bytes():
    blocks = [Block(1000, step, step) for step in range(10)]
    assert plan(blocks) == 1000
