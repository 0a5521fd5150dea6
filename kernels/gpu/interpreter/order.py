"""What comes before what: the order that barriers, meetings of lanes, and fences with atomics fix between threads.

A thread knows of accesses of others that lie before its own. What it knows is (stamp, known, turns): `known` maps
(block, thread) to a stamp, accesses made at an earlier stamp of that thread come before; and a block's number to an
interval, accesses of all of its threads in an earlier interval come before. `turns` has, of the loops with a barrier
in them that the thread is in, line and turn. None of this is ever changed: a thread is given new knowledge.

A thread that has passed a fence and then changes a cell atomically leaves there what it knew at the fence. Who changes
the cell atomically after it learns that, and so comes after all that lies before the fence (the PTX memory model calls
the two a release and an acquire pattern; here the second needs no fence of its own). A plain store that directly
follows a fence leaves it too: that is how locks are opened and flags are set.
"""

NOTHING: tuple[int, dict, tuple] = (0, {}, ())
UNFENCED: tuple[dict, dict] = ({}, {})


def joined(a, b):
    """Knowledge of both: for each thread and block the later."""
    if not a or not b or a is b:
        return a or b
    return {**a, **{who: max(when, a.get(who, 0)) for who, when in b.items()}}


class Order:
    """What the threads of a launch know, kept up to date by those that execute them."""

    def __init__(self, trace):
        self.trace = trace
        self.stamp = 0
        self.has_fences = False
        self.left: dict = {}  # by cell, or by (cell, block) what only threads of that block may learn

    def enter(self, block):
        """A block begins, of whose threads others may have had the objects."""
        for thread in block.threads:
            if thread.known is not NOTHING:
                forget(thread)

    def meet_block(self, block):
        """All threads of a block have met: what one knows all know, and each has passed the fences of all."""
        if not self.has_fences:  # what its threads knew of each other, that they have met says better
            for thread in block.threads if self.stamp else ():
                thread.known = 0, {}, thread.known[2]
            return
        number = block.number
        known: dict = {}
        fences: list[dict] = [{}, {}]
        for thread in block.threads:
            known = joined(known, thread.known[1])
            fences = [joined(*pair) for pair in zip(fences, thread.fenced, strict=True)]
        known = {who: when for who, when in known.items() if type(who) is int or who[0] != number}
        for thread in block.threads:
            thread.known, thread.fenced = (self.stamp, known, thread.known[2]), tuple(fences)

    def meet_warp(self, threads):
        """Some threads of a warp have met: each now comes after everything that any of them came after."""
        self.stamp += 1
        known: dict = {}
        for thread in threads:
            known = joined(known, thread.known[1])
        block = threads[0].block.number
        known = {**known, **{(block, thread.number): self.stamp for thread in threads}}
        for thread in threads:
            thread.known = self.stamp, known, thread.known[2]

    def fence(self, thread, is_for_all):
        """A thread passes a fence, for all threads of the GPU or for those of its block."""
        self.stamp += 1
        self.has_fences = True
        block, (_, known, turns) = thread.block, thread.known
        fenced = {**known, (block.number, thread.number): self.stamp, block.number: block.interval}
        thread.fenced = (fenced if is_for_all else thread.fenced[0]), fenced
        thread.known = self.stamp, known, turns
        self.trace.begin(thread)
        thread.fence = self.trace.position()

    def is_behind_fence(self, thread):
        """Whether a thread has accessed nothing since its last fence."""
        return thread.fence == self.trace.position()

    def change(self, thread, cell, is_shared):
        """A thread is about to change a cell atomically: it learns what was left there, and leaves what it may."""
        here = cell, thread.block.number
        for scope, place in ((1, here),) if is_shared else ((1, here), (0, cell)):
            found, fenced = self.left.get(place), thread.fenced[scope]
            if found and thread.learnt[scope] is not found:  # who waits for a lock finds the same again and again
                thread.learnt[scope] = found
                stamp, known, turns = thread.known
                thread.known = stamp, joined(known, found), turns
                self.trace.begin(thread)
            said, told = thread.told[scope]
            if fenced and (told is not found or said is not fenced):
                self.left[place] = joined(found, fenced)
                thread.told[scope] = fenced, self.left[place]

    def release(self, thread, cell):
        """A thread is about to store into a cell, directly behind a fence."""
        for_all, for_block = thread.fenced
        self.left[cell, thread.block.number] = for_block
        self.left[cell] = for_all


def forget(thread):
    """A thread knows nothing. `fenced`, `learnt`, `told` are for all threads of the GPU, and for those of its block."""
    thread.known, thread.fenced, thread.fence = NOTHING, UNFENCED, None
    thread.learnt, thread.told = [None, None], [(None, None), (None, None)]


def fence(thread, is_for_all):
    """cuda.threadfence, or threadfence_block, in rewritten code."""
    thread.block.memory.order.fence(thread, is_for_all)
