"""What blocks did to each cell of global memory: two accesses a cell, 16 bytes, from which every race follows.

Two accesses that conflict must be of one block, where nothing orders blocks. So as long as no race is found, a cell has
either been touched in several ways, by one block: then two accesses of different kinds will do, since whatever another
block does conflicts with one of them. Or it has been touched in one way, by any number of blocks: then two accesses
of different blocks will do, since one of them is not of the block that does something else.
"""

import numpy as np

from kernels.gpu.interpreter.trace import PATH, SITE_BITS

THREAD_BITS = 10
BLOCK_SHIFT = THREAD_BITS + SITE_BITS
LATE = 40  # bits of a position in a batch


class Shadow:
    """For each cell the first access, and the one of most consequence beside it, as codes; 0 where there is none."""

    def __init__(self, cells, kinds):
        # Memory that is zero costs nothing before it is used.
        self.first, self.second = np.zeros(cells, np.int64), np.zeros(cells, np.int64)
        self.kinds = kinds
        """By site: a kind of access; behind the last, 0."""

    def code(self, block, thread, site):
        return 1 + ((block << THREAD_BITS | thread) << SITE_BITS | site)

    def decoded(self, code):
        """(block, thread, site)."""
        code = int(code) - 1
        return code >> BLOCK_SHIFT, code >> SITE_BITS & (1 << THREAD_BITS) - 1, code & PATH

    def known(self, cells):
        """Of each cell: (lowest block, highest block, kinds) of its two accesses. Where there are none: no block."""
        first, second = self.first[cells], self.second[cells]
        is_new = first == 0
        blocks = first - 1 >> BLOCK_SHIFT, second - 1 >> BLOCK_SHIFT
        low = np.where(is_new, np.iinfo(np.int64).max, np.minimum(*blocks))
        return low, np.maximum(*blocks), self._kind(first) | self._kind(second)

    def add(self, cells, starts, codes):
        """Take accesses in: `codes` lie cell by cell, from `starts` on.

        The first access of a cell stays. The second becomes one of another kind than the first, if there is one; else
        one of another block; of equals the last.
        """
        first = np.where(self.first[cells] == 0, codes[starts], self.first[cells])
        second = np.where(self.second[cells] == 0, codes[starts], self.second[cells])
        lengths = np.diff(starts, append=len(codes))
        ranks = self._rank(codes, np.repeat(first, lengths)) << LATE | np.arange(len(codes))
        best = np.maximum.reduceat(ranks, starts)
        is_better = best >> LATE >= self._rank(second, first)
        self.first[cells] = first
        self.second[cells] = np.where(is_better, codes[best & (1 << LATE) - 1], second)

    def _rank(self, codes, first):
        is_other_block = codes - 1 >> BLOCK_SHIFT != first - 1 >> BLOCK_SHIFT
        return (self._kind(codes) != self._kind(first)) * 2 + is_other_block

    def _kind(self, codes):
        return self.kinds[np.where(codes == 0, -1, codes - 1 & PATH)]
