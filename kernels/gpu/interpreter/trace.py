"""What the threads of a launch did to memory, in the order they did it, for observers to look at.

An observer sees batches of accesses as NumPy arrays: it can group them by address (races) or by warp and
source line (memory transactions, bank conflicts) without the rewritten code or the memory knowing what for.
"""

import math
from dataclasses import dataclass

import numpy as np

# An entry is one integer: the cell, above what tells the place in the source, above two flags.
SITE_BITS = 20
SAME = 1 << SITE_BITS - 1  # a store of what the cell held already, or an atomic that changed nothing
RELEASE = 1 << SITE_BITS - 2  # a store that directly follows a fence
PATH = RELEASE - 1  # not a place in the source: from here on the thread is at another point of its loops
# A batch ends at the first barrier after so many accesses; if there is none for so many, before it.
BATCH, LONGEST = 1 << 16, 1 << 18


@dataclass(frozen=True)
class Batch:
    """Accesses in the order they were made; all arrays have one entry for each.

    cell: address; where no memory is accessed, a number that the kind of the site explains. site: number of the
    source place, which tells array, line and kind. flags: SAME, RELEASE. segment: number of the stretch of one thread
    between two waits. thread, block: numbers in x-fastest order. interval: two accesses of a block are in the same
    interval if no barrier of the block lies between them.
    """

    cell: np.ndarray
    site: np.ndarray
    flags: np.ndarray
    segment: np.ndarray
    thread: np.ndarray
    block: np.ndarray
    interval: np.ndarray
    knowledge: list
    """By segment: what the thread knows, see order.py."""
    going_on: set
    """Intervals that are not over."""
    epoch: int = 0
    """How often all blocks have met before. A batch lies between two such meetings."""


class Trace:
    """Records accesses. Memory appends to `codes`; whoever runs the threads says whose turn it is."""

    def __init__(self, may_split):
        """`may_split` says whether a batch may end while threads are on their way to a barrier."""
        self.may_split = may_split
        self.observers = []
        self.codes, self.turns = [], []  # lists: appending to an array.array is slower
        self.knowledge = []
        self.current = None
        self.intervals = self.flushes = self.epoch = 0
        self.going_on = set()
        self.limit = LONGEST if may_split else math.inf
        self.paths, self.path_count = {}, 1

    def barrier(self, block):
        """All threads of a block have met, or the block begins or has ended."""
        self.going_on.discard(block.interval)
        self.intervals += 1
        block.interval = self.intervals
        self.going_on.add(block.interval)
        if len(self.codes) > BATCH:
            self.flush()

    def meet_grid(self):
        """All blocks have met."""
        self.flush()
        self.epoch += 1

    def begin(self, thread):
        """From here on it is `thread` that accesses memory."""
        if len(self.codes) > self.limit:
            self.flush()
        self.turns.extend((len(self.codes), thread.number, thread.block.number, thread.block.interval))
        self.knowledge.append(thread.known)
        self.current = thread

    def position(self):
        """How much has been recorded: it differs where anything has been accessed meanwhile, or another thread run."""
        return self.flushes, len(self.codes), len(self.turns)

    def turns_at(self, path, loop):
        """The paths of the turns of a loop that starts at a path: a list, which `turns` makes longer."""
        return self.paths.setdefault((path, loop), [])

    def flush(self):
        """Hand what was recorded to the observers, and forget it."""
        codes, turns = np.array(self.codes, np.int64), np.array(self.turns, np.int64).reshape(-1, 4)
        knowledge, self.knowledge = self.knowledge, []
        self.flushes += 1
        self.codes.clear()  # and not replaced: memory holds on to it
        self.turns.clear()
        if not len(codes):
            return
        segment = np.repeat(np.arange(len(turns)), np.diff(turns[:, 0], append=len(codes)))
        thread, block, interval = turns[segment, 1:].T
        cell, site, flags = codes >> SITE_BITS, codes & PATH, codes & (SAME | RELEASE)
        batch = Batch(cell, site, flags, segment, thread, block, interval, knowledge, set(self.going_on), self.epoch)
        kept = [observer.observe(batch) or 0 for observer in self.observers]
        if self.may_split:  # work on what observers keep, with each batch anew, is to stay in proportion
            self.limit = max(LONGEST, *kept)


# Called by rewritten code that checks


def on_turn(thread, at):
    """A thread begins a turn of a loop that has a barrier in it. `at`: (line, turn) of all such loops around it."""
    stamp, known, _ = thread.known
    thread.known = stamp, known, at
    thread.block.memory.trace.begin(thread)
    return at


# Called by rewritten code that counts


def turns(thread, loop, numbers):
    """The numbers of a loop. Records at each turn the thread's path: the number of the turn in each loop around it.

    On a GPU the lanes of a warp run a loop together, each turn of it. So accesses of one site belong to one
    instruction of the warp if their threads are on the same path, whatever they skipped before.
    """
    trace, outer = thread.block.memory.trace, thread.path
    record, paths = trace.codes.append, trace.turns_at(outer, loop)
    try:
        for turn, number in enumerate(numbers):
            if turn == len(paths):
                paths.append(trace.path_count)
                trace.path_count += 1
            thread.path = path = paths[turn]
            record(path << SITE_BITS | PATH)
            yield number
    finally:
        thread.path = outer
        record(outer << SITE_BITS | PATH)


def count_flops(thread, count, site):
    """Record floating-point operations."""
    thread.block.memory.trace.codes.append(count << SITE_BITS | site)


# Called by rewritten code that is traced, see kernels/gpu/tracing


def come_by(thread, site):
    """A thread begins a line, or another turn of the loop that stands there."""
    thread.block.memory.come_by(thread, site)
