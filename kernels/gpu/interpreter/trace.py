"""What the threads of a launch did to memory, in the order they did it, for observers to look at.

An observer sees batches of accesses as NumPy arrays: it can group them by address (races) or by warp and
source line (memory transactions, bank conflicts) without the rewritten code or the memory knowing what for.
"""

from dataclasses import dataclass

import numpy as np

SITE_BITS = 20
BATCH = 1 << 18
PATH = (1 << SITE_BITS) - 1  # not a place in the source: from here on the thread is at another point of its loops


@dataclass(frozen=True)
class Batch:
    """Accesses in the order they were made; all fields have one entry for each.

    cell: address; where no memory is accessed, a number that the kind of the site explains. site: number of the
    source place, which tells array, line and kind. segment: number of the stretch of one thread between two
    waits. thread, block: numbers in x-fastest order. interval: two accesses of a block are in the same interval if
    no barrier of the block lies between them.
    """

    cell: np.ndarray
    site: np.ndarray
    segment: np.ndarray
    thread: np.ndarray
    block: np.ndarray
    interval: np.ndarray
    knowledge: list
    """By segment: (stamp, known), see Trace.syncwarp."""


class Trace:
    """Records accesses. Memory appends to `codes`; whoever runs the threads says whose turn it is."""

    def __init__(self):
        self.observers = []
        self.codes, self.turns = [], []  # lists: appending to an array.array is slower
        self.knowledge = []
        self.intervals = self.syncs = 0
        self.paths, self.path_count = {}, 1

    def begin(self, thread):
        """From here on it is `thread` that accesses memory."""
        self.turns.extend((len(self.codes), thread.number, thread.block.number, thread.block.interval))
        self.knowledge.append(thread.known)

    def enter(self, block):
        """A block begins."""
        self.intervals += 1
        block.interval = self.intervals

    def barrier(self, block):
        """All threads of a block have met, or the block has ended."""
        self.enter(block)
        if self.syncs:
            for thread in block.threads:
                thread.known = NOTHING
        if len(self.codes) > BATCH:
            self.flush()

    def syncwarp(self, threads):
        """Some threads of a warp have met: each now comes after everything that any of them came after.

        `thread.known` is (stamp, {thread number: stamp of its last meeting that lies before this thread}). An
        access of thread a at stamp s comes before an access of thread b if b knows a later meeting of a than s.
        """
        self.syncs += 1
        known: dict[int, int] = {}
        for other in {id(thread.known): thread.known[1] for thread in threads}.values():
            for number, stamp in other.items():
                known[number] = max(stamp, known.get(number, 0))
        known.update((thread.number, self.syncs) for thread in threads)
        for thread in threads:
            thread.known = self.syncs, known

    def turns_at(self, path, loop):
        """The paths of the turns of a loop that starts at a path: a list, which `turns` makes longer."""
        return self.paths.setdefault((path, loop), [])

    def flush(self):
        """Hand what was recorded to the observers, and forget it."""
        codes, turns = np.array(self.codes, np.int64), np.array(self.turns, np.int64).reshape(-1, 4)
        knowledge, self.knowledge = self.knowledge, []
        self.codes.clear()  # and not replaced: memory holds on to it
        self.turns.clear()
        if not len(codes):
            return
        segment = np.repeat(np.arange(len(turns)), np.diff(turns[:, 0], append=len(codes)))
        thread, block, interval = turns[segment, 1:].T
        batch = Batch(codes >> SITE_BITS, codes & (1 << SITE_BITS) - 1, segment, thread, block, interval, knowledge)
        for observer in self.observers:
            observer.observe(batch)


NOTHING: tuple[int, dict[int, int]] = (0, {})


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
