"""What tests draw: Hypothesis strategies named after what they give."""

import numpy as np
from hypothesis import strategies as st

from kernels.bench.trial import Trial
from kernels.operation import Operation


class HypothesisDraw:
    """Lets an operation's `case` choose through Hypothesis, so that failing shapes shrink."""

    def __init__(self, draw):
        self.draw = draw

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def choice(self, options):
        return self.draw(st.sampled_from(options))


@st.composite
def trials(draw, operation: Operation, smooth: bool = False) -> Trial:
    """An operation with small arrays: shapes shrink, values come from a drawn seed."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Trial.draw(operation, HypothesisDraw(draw), generator, smooth)


@st.composite
def cuts(draw, count: int) -> list[slice]:
    """Slices of so many examples, one after the other and none of them empty: the shares of several devices."""
    ends = sorted(draw(st.sets(st.integers(1, count - 1)))) if count > 1 else []
    return [slice(begin, end) for begin, end in zip([0, *ends], [*ends, count], strict=True)]
