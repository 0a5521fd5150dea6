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


class Known:
    """What is known of some cells: two accesses each, as codes."""

    def __init__(self, first, second, kinds):
        self.first, self.second, self.kinds = first, second, kinds
        self.is_anything = bool(first.any())

    def codes(self, number):
        """Of one of the cells."""
        return [code for code in (self.first[number], self.second[number]) if code]

    def with_new(self, block, kind, starts):
        """By cell: (lowest block, highest block, kinds), with accesses that lie cell by cell, from `starts` on."""
        if len(starts) == len(block):
            low = high = block
        else:
            low, high = np.minimum.reduceat(block, starts), np.maximum.reduceat(block, starts)
            kind = np.bitwise_or.reduceat(kind, starts)
        if not self.is_anything:
            return low, high, kind
        one, other = self.first - 1 >> BLOCK_SHIFT, self.second - 1 >> BLOCK_SHIFT  # no block is -1
        low = np.where(self.first > 0, np.minimum(np.minimum(one, other), low), low)
        kind = kind | self.kinds[self.first - 1 & PATH] | self.kinds[self.second - 1 & PATH]
        return low, np.maximum(np.maximum(one, other), high), kind


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
        return Known(self.first[cells], self.second[cells], self.kinds)

    def add(self, known, cells, starts, codes):
        """Take accesses in, of cells of which this was known: `codes` lie cell by cell, from `starts` on.

        The first access of a cell stays. The second becomes one of another kind than the first, if there is one; else
        one of another block; of equals the last.
        """
        if not known.is_anything and len(starts) == len(codes):
            self.first[cells] = self.second[cells] = codes
            return
        first = np.where(known.first == 0, codes[starts], known.first)
        second = np.where(known.second == 0, codes[starts], known.second)
        lengths = np.diff(starts, append=len(codes))
        ranks = self._rank(codes, np.repeat(first, lengths)) << LATE | np.arange(len(codes))
        best = np.maximum.reduceat(ranks, starts)
        is_better = best >> LATE >= self._rank(second, first)
        self.first[cells] = first
        self.second[cells] = np.where(is_better, codes[best & (1 << LATE) - 1], second)

    def _rank(self, codes, first):
        """Of accesses beside the first of their cell."""
        is_other_block = codes - 1 >> BLOCK_SHIFT != first - 1 >> BLOCK_SHIFT
        return (self.kinds[codes - 1 & PATH] != self.kinds[first - 1 & PATH]) * 2 + is_other_block
